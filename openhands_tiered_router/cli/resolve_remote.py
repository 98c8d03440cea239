"""The agent that ``resolve`` sets to work on an agent-server, in Docker or elsewhere.

The repository goes there as a bundle, the change comes back as a patch: nothing of this
machine is mounted, and nothing there is run here.
"""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from tenacity import Retrying, retry_if_result, stop_after_delay, wait_fixed

from openhands_tiered_router.cli.headless import (
    EXIT_BUDGET,
    EXIT_ERROR,
    EXIT_HELD,
    EXIT_LIMIT,
    EXIT_PAUSED,
    EXIT_STUCK,
    EXIT_UNVERIFIED,
)
from openhands_tiered_router.cli.resolve_agent import tier_costs
from openhands_tiered_router.cli.turns import Reporter
from openhands_tiered_router.resolver import prompt
from openhands_tiered_router.resolver.errors import ResolveError
from openhands_tiered_router.resolver.git import Git
from openhands_tiered_router.resolver.hidden import hidden
from openhands_tiered_router.resolver.settings import ResolverSettings, Sandbox
from openhands_tiered_router.resolver.work import Done, Work


if TYPE_CHECKING:
    from openhands.sdk.conversation.impl.remote_conversation import RemoteConversation
    from openhands.sdk.conversation.state import ConversationState
    from openhands.sdk.event import Event
    from openhands.sdk.workspace import RemoteWorkspace

    from openhands_tiered_router import ComplexityRouter
    from openhands_tiered_router.guards.verify.memory import Verification
    from openhands_tiered_router.tiers import Tier


ROOT: Final = "/tmp/tiered-router"
"""Directory there, below which each issue has its own."""
SECONDS: Final = 600.0
"""For copying the repository there, and for a run's last words."""
RUN_SECONDS: Final = 86_400.0
POLL_SECONDS: Final = 0.5

_DEEDS: Final = ("ObservationEvent", "MessageEvent", "ConversationErrorEvent")
"""Kinds of event of which each run leaves one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteAgent:
    """A routed agent on an agent-server that has this package."""

    router: ComplexityRouter
    reporter: Reporter
    sandbox: Sandbox
    settings: ResolverSettings
    max_iterations: int
    api_key: str | None = None
    """Of the agent-server."""
    tier: Tier | None = None
    """Serves every turn; told in the message, for pins stay in their process."""

    def __call__(self, work: Work) -> Done:
        import httpx

        directory = f"{ROOT}/{work.conversation.hex}"
        try:
            with hidden(self.router.settings.key_variables.values()):
                workspace = self._workspace(directory)
                with workspace:
                    self._bring(workspace, work, directory)
                    done = self._run(workspace, work)
                    self._fetch(workspace, work, directory)
                    if done.exit_code == 0:
                        place = shlex.quote(directory)
                        _there(workspace, f"cd / && rm -rf {place} {place}.patch")
                    return done
        except (httpx.HTTPError, RuntimeError, OSError) as error:
            raise ResolveError(
                f"the sandbox cannot be used: {type(error).__name__}; check that it "
                "runs, and that its agent-server has this package (docs/resolver.md)"
            ) from None

    def _workspace(self, directory: str) -> RemoteWorkspace:
        if self.sandbox is Sandbox.DOCKER:
            from openhands.workspace import (  # pyright: ignore[reportMissingImports]
                DockerWorkspace,
            )

            return DockerWorkspace(
                server_image=self.settings.image,
                working_dir=directory,
                forward_env=[],
                detach_logs=False,
            )
        from openhands.sdk.workspace import RemoteWorkspace

        return RemoteWorkspace(
            host=self.settings.host, working_dir=directory, api_key=self.api_key
        )

    def _bring(self, workspace: RemoteWorkspace, work: Work, directory: str) -> None:
        with tempfile.TemporaryDirectory(prefix="tiered-router-") as name:
            bundle = Path(name) / "bundle"
            # What was uncommitted here, of an earlier run, goes with it.
            own = Git(work.directory / ".git", work.directory)
            own("add", "--all")
            own("commit", "-q", "--allow-empty", "--no-verify", "-m", "Brought here")
            own("bundle", "create", "-q", str(bundle), "HEAD")
            workspace.file_upload(bundle, f"{directory}.bundle")
        place = shlex.quote(directory)
        _there(
            workspace,
            # The directory itself stays: shells of an earlier run are in it.
            f"mkdir -p {place} && cd {place} && find . -mindepth 1 -delete && "
            f"git clone -q {place}.bundle . && rm {place}.bundle && "
            "git remote remove origin && "
            "git config user.name tiered-router && "
            "git config user.email tiered-router@localhost && git tag -f brought",
        )

    def _fetch(self, workspace: RemoteWorkspace, work: Work, directory: str) -> None:
        place = shlex.quote(directory)
        options = "--binary --full-index --no-renames --no-ext-diff --no-textconv"
        _there(
            workspace,
            f"cd {place} && git add --all && "
            f"git diff --cached {options} brought > {place}.patch",
        )
        with tempfile.TemporaryDirectory(prefix="tiered-router-") as name:
            patch = Path(name) / "patch"
            workspace.file_download(f"{directory}.patch", patch)
            content = patch.read_bytes()
        if content:
            own = Git(work.directory / ".git", work.directory)
            own("apply", "--index", "-", given=content)

    def _run(self, workspace: RemoteWorkspace, work: Work) -> Done:
        from openhands.sdk import Conversation

        from openhands_tiered_router.conversation import routed_agent

        conversation = Conversation(
            agent=routed_agent(self.router),
            workspace=workspace,
            conversation_id=work.conversation,
            callbacks=[self.reporter.event],
            max_iteration_per_run=self.max_iterations,
            visualizer=None,
            delete_on_close=False,
        )
        try:
            said = self._messages(conversation, work)
            for message in said:
                conversation.send_message(message)
            finished = conversation.state.execution_status.value == "finished"
            if said or not finished:
                try:
                    conversation.run(timeout=RUN_SECONDS)
                    _wait_for_end(conversation)
                except Exception as error:
                    self.reporter.failed(error)
            return _done(conversation)
        finally:
            conversation.close()

    def _messages(
        self, conversation: RemoteConversation, work: Work
    ) -> tuple[str, ...]:
        from openhands.sdk.event import MessageEvent

        events = conversation.state.events
        if any(isinstance(e, MessageEvent) and e.source == "user" for e in events):
            return work.news or _again(conversation)
        marker = f"[tier: {self.tier}]\n\n" if self.tier is not None else ""
        return (marker + work.task,)


def _wait_for_end(conversation: RemoteConversation) -> None:
    """A client that comes back is told of the end of the run before, and takes it for
    the end of this one."""
    waiting = Retrying(
        retry=retry_if_result(lambda ended: not ended),
        wait=wait_fixed(POLL_SECONDS),
        stop=stop_after_delay(RUN_SECONDS),
    )
    waiting(_has_ended, conversation)


def _has_ended(conversation: RemoteConversation) -> bool:
    """Whether it stands still, and something came after the last message to it."""
    client, path = conversation.workspace.client, _path(conversation)
    if client.get(path).json().get("execution_status") == "running":
        return False
    query = {"limit": 50, "sort_order": "TIMESTAMP_DESC"}
    newest = client.get(f"{path}/events/search", params=query).json()["items"]
    for event in newest:
        if event["kind"] == "MessageEvent" and event["source"] == "user":
            return False
        if event["kind"] in _DEEDS:
            return True
    return False


def _path(conversation: RemoteConversation) -> str:
    return f"/api/conversations/{conversation.id}"


def _again(conversation: RemoteConversation) -> tuple[str, ...]:
    """What sends an agent back that finished without a verification that passed."""
    from openhands_tiered_router.guards.verify.judgement import Reason

    found = _verification(conversation)
    finished = conversation.state.execution_status.value == "finished"
    if not finished or found is None or found.status != "unverified":
        return ()
    return (prompt.UNVERIFIED.format(reason=Reason(found.reason).told),)


def _verification(conversation: RemoteConversation) -> Verification | None:
    from openhands_tiered_router.guards.verify.memory import verification_of

    found = conversation.workspace.client.get(_path(conversation)).json()
    stored = _Stored(found.get("agent_state") or {})
    return verification_of(cast("ConversationState", stored))


def _done(conversation: RemoteConversation) -> Done:
    verification = _verification(conversation)
    verified = verification is not None and verification.status == "verified"
    status = conversation.state.execution_status.value
    code = _exit_code(status, list(conversation.state.events))
    if code == 0 and verification is not None and not verified:
        code = EXIT_UNVERIFIED
    return Done(
        exit_code=code,
        status=status,
        verification=verification.reason if verification else "",
        verified=verified,
        tiers=tier_costs(conversation.conversation_stats),
    )


@dataclass(frozen=True, slots=True)
class _Stored:
    """The part of a conversation's state that verification is read off."""

    agent_state: dict[str, Any]


def _exit_code(status: str, events: Sequence[Event]) -> int:
    """As ``run`` has it, read off the events."""
    from openhands.sdk.event.conversation_error import ConversationErrorEvent

    from openhands_tiered_router.guards.budget.notices import NAME
    from openhands_tiered_router.guards.hold import hold_of

    if status in _CODES:
        return _CODES[status]
    errors = [e for e in events if isinstance(e, ConversationErrorEvent)]
    if status == "paused":
        held = hold_of(errors[-1]) if errors else None
        if held is None:
            return EXIT_PAUSED
        return EXIT_BUDGET if held.guard == NAME else EXIT_HELD
    limits = {"MaxIterationsReached": EXIT_LIMIT, "MaxBudgetReached": EXIT_BUDGET}
    return limits.get(errors[-1].code, EXIT_ERROR) if errors else EXIT_ERROR


_CODES: Final = {"finished": 0, "stuck": EXIT_STUCK}


def _there(workspace: RemoteWorkspace, command: str) -> None:
    """Run a command there; all it holds are paths that are made of an id."""
    result = workspace.execute_command(command, timeout=SECONDS)
    if result.exit_code:
        raise ResolveError(f"the sandbox failed with exit code {result.exit_code}")
