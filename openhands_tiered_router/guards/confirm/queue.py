"""Actions that wait for a yes, while what is safe goes on.

The SDK's confirmation mode holds back a whole response as soon as one of its actions
needs a yes. Here that action alone is blocked, the way the SDK's hooks block one: the
agent gets an answer to it at once, and the others run.
"""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, Final

from openhands.sdk.conversation.state import ConversationState
from openhands.sdk.event import ActionEvent, Event

from openhands_tiered_router.guards.confirm.analyzer import make_judge, shell_of
from openhands_tiered_router.guards.confirm.verdict import Level, Verdict
from openhands_tiered_router.guards.guard import Guard


if TYPE_CHECKING:
    from openhands.sdk import LocalConversation

    from openhands_tiered_router.guards.confirm.actions import Judge, RiskOf
    from openhands_tiered_router.guards.confirm.settings import ConfirmSettings


logger = logging.getLogger(__name__)

STATE_KEY: Final = "tiered_router_confirm"
_KEPT: Final = 100
"""Entries at most; the oldest rejected ones make room. ``agent_state`` is written, and
by an agent-server sent, whole."""
_SHOWN: Final = 300
"""Characters of an action that messages show."""
_VOLATILE: Final = ("timeout", "security_risk", "summary")


class Status(StrEnum):
    """What was said of an entry."""

    WAITING = "waiting"
    APPROVED = "approved"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Entry:
    """An action that was set aside. Its text is in the conversation's events only."""

    number: int
    """What ``approve`` and ``reject`` take."""
    action_id: str
    """Of the ``ActionEvent``."""
    tool: str
    fingerprint: str
    """Of the tool and its arguments: what is proposed again is known by it."""
    level: int
    reason: str
    status: Status = Status.WAITING


class ConfirmationQueue(Guard):
    """An event callback that sets actions aside until somebody says yes.

    ``Conversation(agent, callbacks=[ConfirmationQueue(settings)])``; needs no router.
    What it knows is in ``conversation.state.agent_state``, so pausing, resuming and
    forking keep it, and one queue serves several conversations.

    Args:
        settings: From which level, and what is trusted.
        risk_of: Why an edit of a path is risky, such as a hub of the code graph.
    """

    name: ClassVar[str] = "confirm"

    def __init__(
        self, settings: ConfirmSettings, risk_of: RiskOf | None = None
    ) -> None:
        super().__init__()
        self._settings = settings
        self._risk_of = risk_of
        self._judges: dict[str, Judge] = {}

    def see(self, conversation: LocalConversation, event: Event) -> None:
        """Blocks an action that needs a yes; one that cannot be judged, too."""
        if not isinstance(event, ActionEvent) or event.action is None:
            return
        try:
            self._see(conversation, event)
        except Exception:
            conversation.state.block_action(event.id, "It could not be judged.")
            raise

    def _see(self, conversation: LocalConversation, event: ActionEvent) -> None:
        state = conversation.state
        verdict = self._verdict(state, event)
        if (
            verdict.level < self._settings.asks_from
            or event.id in state.blocked_actions
        ):
            return
        entries = _entries(state)
        fingerprint = _fingerprint(event)
        known = next((e for e in entries if e.fingerprint == fingerprint), None)
        if known is None:
            number = 1 + max((e.number for e in entries), default=0)
            entries = _with_room(entries)
            if len(entries) >= _KEPT:
                state.block_action(event.id, _full(entries))
                return
            known = Entry(
                number=number,
                action_id=event.id,
                tool=event.tool_name,
                fingerprint=fingerprint,
                level=int(verdict.level),
                reason=verdict.reason,
            )
            _save(state, [*entries, known])
        elif known.status is Status.APPROVED:
            _save(state, [e for e in entries if e is not known])
            return
        state.block_action(event.id, _answer(known))

    def _verdict(self, state: ConversationState, event: ActionEvent) -> Verdict:
        try:
            workspace = str(state.workspace.working_dir)
            judge = self._judges.get(workspace)
            if judge is None:
                judge = make_judge(self._settings, workspace, self._risk_of)
                self._judges[workspace] = judge
            cwd, sure = shell_of(state, event)
            return judge.judge(event, cwd, sure=sure)
        except Exception as error:
            logger.error("an action could not be judged: %s", type(error).__name__)
            return Verdict(Level.HIGH, "it could not be judged")


def waiting(conversation: LocalConversation) -> tuple[Entry, ...]:
    """The actions of a conversation that wait for a yes, oldest first."""
    entries = _entries(conversation.state)
    return tuple(e for e in entries if e.status is Status.WAITING)


def describe(conversation: LocalConversation, entry: Entry) -> str:
    """The action of an entry, as the agent proposed it; for a person to judge."""
    for event in reversed(conversation.state.events):
        if isinstance(event, ActionEvent) and event.id == entry.action_id:
            return _shown(event)
    return f"{entry.tool} (no longer in the conversation's events)"


def approve(conversation: LocalConversation, *numbers: int) -> None:
    """Says yes, and tells the agent; the next ``run()`` goes on with it.

    The agent may propose each action once more, exactly as before, and it runs then:
    it is not run on the spot, since meanwhile the agent may have gone another way.
    Under ``arun()`` call it from another thread (``asyncio.to_thread``), as the SDK's
    own ``send_message``.

    Raises:
        KeyError: No action with that number waits.
    """
    _settle(conversation, numbers, Status.APPROVED)


def reject(conversation: LocalConversation, *numbers: int) -> None:
    """Says no, and tells the agent. Proposed again, the action is refused at once.

    A yes that has not been used yet can be taken back so.

    Raises:
        KeyError: No action with that number waits, or has an unused yes.
    """
    _settle(conversation, numbers, Status.REJECTED)


def _settle(
    conversation: LocalConversation, numbers: tuple[int, ...], status: Status
) -> None:
    if not numbers:
        return
    with conversation.state as state:
        entries = _entries(state)
        # What has this answer already, or a no, is settled.
        settled = (status, Status.REJECTED)
        waits = {e.number: e for e in entries if e.status not in settled}
        for number in numbers:
            if number not in waits:
                raise KeyError(f"no action waits under the number {number}")
        lines = [f"{n}. {describe(conversation, waits[n])}" for n in numbers]
        _save(
            state,
            [replace(e, status=status) if e.number in numbers else e for e in entries],
        )
    told = (
        "The user said yes to these actions. If one is still needed, propose it once "
        "more with exactly the same arguments; it will run:"
        if status is Status.APPROVED
        else "The user said no to these actions. Do not propose them again:"
    )
    conversation.send_message("\n".join([told, *lines]))


def _answer(entry: Entry) -> str:
    """What the agent gets instead of a result."""
    if entry.status is Status.REJECTED:
        return "The user said no to this action. Find another way, or finish without."
    return (
        f"This action waits for the user's yes (number {entry.number}): "
        f"{entry.reason}. It has not run. Do not propose it again before you are told; "
        "go on with what does not depend on it, and finish if there is nothing else."
    )


def _full(entries: list[Entry]) -> str:
    """What the agent gets when the queue is full."""
    return (
        f"This action needs the user's yes, but {len(entries)} others wait for one, or "
        "have one that is not used. It has not run, and was not set aside. Finish, so "
        "that the user can answer those."
    )


def _with_room(entries: list[Entry]) -> list[Entry]:
    """Without the oldest rejected ones, if it takes that to let one more in."""
    rejected = [e for e in entries if e.status is Status.REJECTED]
    dropped = rejected[: max(0, len(entries) + 1 - _KEPT)]
    return [e for e in entries if e not in dropped]


def _entries(state: ConversationState) -> list[Entry]:
    stored = state.agent_state.get(STATE_KEY)
    entries = stored if isinstance(stored, list) else []
    return [Entry(**{**entry, "status": Status(entry["status"])}) for entry in entries]


def _save(state: ConversationState, entries: list[Entry]) -> None:
    """By assignment: a change within ``agent_state`` would not be stored."""
    kept = [{**asdict(e), "status": str(e.status)} for e in entries]
    state.agent_state = {**state.agent_state, STATE_KEY: kept}


def _arguments(event: ActionEvent) -> dict[str, Any]:
    if event.action is None:
        return {}
    fields = event.action.model_dump(mode="json")
    return {name: v for name, v in fields.items() if name not in _VOLATILE}


def _fingerprint(event: ActionEvent) -> str:
    text = json.dumps([event.tool_name, _arguments(event)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _shown(event: ActionEvent) -> str:
    fields = {k: v for k, v in _arguments(event).items() if v and k != "kind"}
    text = json.dumps(fields, ensure_ascii=False)
    short = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
    return f"{event.tool_name} {short}"
