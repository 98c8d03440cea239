"""The security analyzer: what is known to be harmless, and the SDK's signatures."""

from __future__ import annotations

import os
from functools import lru_cache

from openhands.sdk import LocalConversation
from openhands.sdk.conversation.state import ConversationState
from openhands.sdk.event import (
    ActionEvent,
    AgentErrorEvent,
    ObservationEvent,
    UserRejectObservation,
)
from openhands.sdk.security import (
    EnsembleSecurityAnalyzer,
    PatternSecurityAnalyzer,
    PolicyRailSecurityAnalyzer,
    SecurityRisk,
)
from openhands.sdk.security.analyzer import SecurityAnalyzerBase
from openhands.sdk.security.confirmation_policy import ConfirmRisky, NeverConfirm
from pydantic import Field

from openhands_tiered_router.guards.confirm.actions import Judge, RiskOf
from openhands_tiered_router.guards.confirm.commands import may_move
from openhands_tiered_router.guards.confirm.settings import ConfirmSettings, Mode
from openhands_tiered_router.guards.confirm.verdict import Level
from openhands_tiered_router.guards.guard import current_conversation


def shell_of(state: ConversationState, event: ActionEvent) -> tuple[str | None, bool]:
    """Where the shell will be when an action runs, and whether that is known.

    ``None``: where it began, in the workspace. Of the actions of one response none has
    run while they are judged, so one that may change directory leaves it unknown.
    """
    answered: set[str] = set()
    for seen in reversed(state.events):
        if getattr(seen, "tool_name", None) != event.tool_name:
            continue
        if isinstance(seen, ObservationEvent):
            metadata = getattr(seen.observation, "metadata", None)
            cwd = getattr(metadata, "working_dir", None)
            return cwd, cwd is not None
        if isinstance(seen, AgentErrorEvent):
            return None, False  # the tool failed, or was started anew
        if isinstance(seen, UserRejectObservation):
            answered.add(seen.action_id)
        elif isinstance(seen, ActionEvent) and seen.id not in {event.id, *answered}:
            command = getattr(seen.action, "command", None)
            blocked = seen.id in state.blocked_actions
            if not blocked and (not isinstance(command, str) or may_move(command)):
                return None, False
    return None, True


_RISKS = {
    Level.LOW: SecurityRisk.LOW,
    Level.MEDIUM: SecurityRisk.MEDIUM,
    Level.HIGH: SecurityRisk.HIGH,
}


def make_judge(
    settings: ConfirmSettings, workspace: str, risk_of: RiskOf | None = None
) -> Judge:
    """A judge with the SDK's pattern and policy-rail analyzers behind it."""
    return Judge(settings, os.path.abspath(workspace), _signatures(), risk_of)


@lru_cache(maxsize=1)
def _signatures() -> SecurityAnalyzerBase:
    """One for all: it holds compiled patterns only."""
    return EnsembleSecurityAnalyzer(
        analyzers=[PolicyRailSecurityAnalyzer(), PatternSecurityAnalyzer()]
    )


@lru_cache(maxsize=8)
def _judge(settings: str, workspace: str) -> Judge:
    """By the settings' JSON, since a model cannot be looked up by its value."""
    return make_judge(ConfirmSettings.model_validate_json(settings), workspace)


class KnownSafeSecurityAnalyzer(SecurityAnalyzerBase):
    """For ``conversation.set_security_analyzer``; goes with ``confirmation_policy``.

    Stored with the conversation, so a process that resumes it must have imported this
    module. ``ConfirmationQueue`` stores no kind of its own.
    """

    workspace: str = Field(description="The conversation's working directory.")
    settings: ConfirmSettings = Field(default_factory=ConfirmSettings)

    def security_risk(self, action: ActionEvent) -> SecurityRisk:
        """``LOW``, ``MEDIUM`` or ``HIGH``; never ``UNKNOWN``."""
        # Kept outside the model: it is built anew with every snapshot of the state.
        judge = _judge(self.settings.model_dump_json(), self.workspace)
        conversation = current_conversation()
        cwd, sure = None, False
        if conversation is not None:
            cwd, sure = shell_of(conversation.state, action)
        return _RISKS[judge.judge(action, cwd, sure=sure).level]


def wait_for_all(conversation: LocalConversation, settings: ConfirmSettings) -> None:
    """The SDK's confirmation mode with our levels: a response with an action that needs
    a yes waits as a whole; ``run()`` is the yes, ``reject_pending_actions()`` the no.
    """
    workspace = str(conversation.workspace.working_dir)
    conversation.set_security_analyzer(
        KnownSafeSecurityAnalyzer(workspace=workspace, settings=settings)
    )
    conversation.set_confirmation_policy(confirmation_policy(settings))


def confirm_as_configured(state: ConversationState, settings: ConfirmSettings) -> None:
    """The same, if the settings say so, where no client has set a policy: what one has
    set is not made weaker."""
    if not settings.enabled or settings.mode is not Mode.STOP:
        return
    analyzer, policy = state.security_analyzer, state.confirmation_policy
    ours = analyzer is None or isinstance(analyzer, KnownSafeSecurityAnalyzer)
    if ours and isinstance(policy, NeverConfirm):
        state.security_analyzer = KnownSafeSecurityAnalyzer(
            workspace=state.workspace.working_dir, settings=settings
        )
        state.confirmation_policy = confirmation_policy(settings)


def confirmation_policy(settings: ConfirmSettings) -> ConfirmRisky:
    """The SDK's policy for a sensitivity."""
    return ConfirmRisky(threshold=_RISKS[settings.asks_from])
