"""A routed conversation on an agent-server, from its start or resumption to its end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any, Final, cast
from uuid import UUID, uuid5

from tenacity import Retrying, retry_if_result, stop_after_delay, wait_fixed

from openhands_tiered_router.config.resolver import Sandbox
from openhands_tiered_router.resolver.ending import (
    EXIT_UNVERIFIED,
    exit_code_at,
    stopped,
)
from openhands_tiered_router.resolver.progress import Progress
from openhands_tiered_router.resolver.routers import limited
from openhands_tiered_router.resolver.work import Done, TierCost, tier_costs


if TYPE_CHECKING:
    from openhands.sdk.conversation.impl.remote_conversation import RemoteConversation
    from openhands.sdk.conversation.state import ConversationState
    from openhands.sdk.workspace import RemoteWorkspace

    from openhands_tiered_router.guards.verify.memory import Verification
    from openhands_tiered_router.router import ComplexityRouter


RUN_SECONDS: Final = 86_400.0
POLL_SECONDS: Final = 0.5

_DEEDS: Final = ("ObservationEvent", "MessageEvent", "ConversationErrorEvent")
"""Kinds of event of which each run leaves one."""

type Messages = Callable[[RemoteConversation], Sequence[str]]
"""What a conversation is sent; nothing to one that has ended: it is not run again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """Runs a routed agent on an agent-server that has this package."""

    router: ComplexityRouter
    reporter: Progress
    sandbox: Sandbox
    max_iterations: int
    usd: float | None = None
    """Of all conversations that one is carried on by."""
    ask: Callable[[RemoteConversation], bool] | None = None
    """Asks the user for what waits for a yes; whether there was an answer, yes or no.
    ``None``: nobody is there."""

    def __call__(
        self, workspace: RemoteWorkspace, id: UUID, messages: Messages, *, fresh: bool
    ) -> Done:
        """Begins the conversation of that id, or goes on with it, to its end.

        Args:
            workspace: On the server.
            id: The first conversation's. A server keeps an agent as it came; so where
                the budget is another one now, a new conversation carries on.
            messages: What it is sent.
            fresh: Forget what the server has of it.
        """
        line = _line(workspace, id)
        if fresh:
            for each in line:
                workspace.client.delete(_path(each)).raise_for_status()
            line = {}
        chosen, earlier = self._chosen(id, line)
        conversation = self._conversation(workspace, chosen, earlier)
        try:
            self.reporter.begin_served(id, conversation)
            self._run(conversation, messages(conversation))
            return _done(conversation, tuple(earlier.values()))
        finally:
            self.reporter.flush()
            conversation.close()

    def _chosen(
        self, id: UUID, line: Mapping[UUID, _Info]
    ) -> tuple[UUID, Mapping[UUID, _Info]]:
        """The conversation to go on with, and those that came before it."""
        if not line:
            return id, {}
        last = list(line)[-1]
        before = {each: info for each, info in line.items() if each != last}
        wanted = self._limited(before).model_dump(mode="json")["settings"]["budgets"]
        if line[last].budgets == wanted:
            return last, before
        return uuid5(id, str(len(line))), line

    def _conversation(
        self, workspace: RemoteWorkspace, id: UUID, earlier: Mapping[UUID, _Info]
    ) -> RemoteConversation:
        from openhands.sdk import Conversation

        from openhands_tiered_router.conversation import routed_agent

        conversation = Conversation(
            agent=routed_agent(self._limited(earlier)),
            workspace=workspace,
            conversation_id=id,
            callbacks=[self.reporter.event],
            max_iteration_per_run=self.max_iterations,
            visualizer=None,
            delete_on_close=False,
        )
        # Else a model is asked for one: nobody sees it, and it is paid for.
        title = {"title": "tiered-router"}
        workspace.client.patch(_path(id), json=title).raise_for_status()
        return conversation

    def _limited(self, earlier: Mapping[UUID, _Info]) -> ComplexityRouter:
        """The router for the server, under what is left of the budget."""
        router = self.router
        if self.usd is not None:
            spent = sum(info.usd for info in earlier.values())
            router = limited(router, max(self.usd - spent, _NOTHING))
        # Files of this machine, which a container has not.
        update: dict[str, Any] = {"config_file": None}
        if self.sandbox is Sandbox.DOCKER:
            update |= {
                name: getattr(router.settings, name).model_copy(update={key: None})
                for name, key in (
                    ("telemetry", "path"),
                    ("policy", "fitted"),
                    ("state", "path"),
                    ("memory", "path"),
                    ("tokens", "answers_path"),
                )
            }
        settings = router.settings.model_copy(update=update)
        return router.model_copy(update={"settings": settings})

    def _run(self, conversation: RemoteConversation, said: Sequence[str]) -> None:
        for message in said:
            conversation.send_message(message)
        if not said and conversation.state.execution_status.value == "finished":
            return
        while not self._must_wait(conversation):
            if not self._go_on(conversation):
                return

    def _must_wait(self, conversation: RemoteConversation) -> bool:
        """Whether actions wait for a yes and nobody can say it: to run is to say it."""
        if not stopped(conversation):
            return False
        return self.ask is None or not self.ask(conversation)

    def _go_on(self, conversation: RemoteConversation) -> bool:
        """Runs it; whether it may have stopped for a question."""
        try:
            conversation.run(timeout=RUN_SECONDS)
            _wait_for_end(conversation)
            return stopped(conversation)
        except KeyboardInterrupt:
            # The next one ends the process.
            conversation.interrupt()
            _wait_for_rest(conversation)
        except Exception as error:
            self.reporter.failed(error)
        return False


_NOTHING: Final = 1e-9
"""USD; a budget must be above 0."""


@dataclass(frozen=True, slots=True)
class _Info:
    """What a server knows of a conversation."""

    budgets: Any
    tiers: Mapping[str, TierCost]

    @property
    def usd(self) -> float:
        return sum(tier.usd for tier in self.tiers.values())


def _line(workspace: RemoteWorkspace, id: UUID) -> dict[UUID, _Info]:
    """The conversations that carried on the one of that id, itself first."""
    found: dict[UUID, _Info] = {}
    for number in count():
        each = uuid5(id, str(number)) if number else id
        answer = workspace.client.get(_path(each))
        if answer.status_code == 404:
            return found
        answer.raise_for_status()
        found[each] = _info(answer.json())
    return found


def _info(told: Mapping[str, Any]) -> _Info:
    from openhands.sdk.conversation.conversation_stats import ConversationStats

    stats = ConversationStats.model_validate(told.get("stats") or {})
    settings = (told.get("agent") or {}).get("llm", {}).get("settings") or {}
    return _Info(settings.get("budgets"), tier_costs(stats))


def _path(id: object) -> str:
    return f"/api/conversations/{id}"


def _wait_for_end(conversation: RemoteConversation) -> None:
    """A client that comes back hears of the end of the run before, and takes it for
    the end of this one."""
    _wait(_has_ended, conversation, RUN_SECONDS)


def _wait_for_rest(conversation: RemoteConversation) -> None:
    _wait(_stands_still, conversation, _REST_SECONDS)


_REST_SECONDS: Final = 60.0
"""For a step that is interrupted to end."""


def _wait(
    condition: Callable[[RemoteConversation], bool],
    conversation: RemoteConversation,
    seconds: float,
) -> None:
    waiting = Retrying(
        retry=retry_if_result(lambda ended: not ended),
        wait=wait_fixed(POLL_SECONDS),
        stop=stop_after_delay(seconds),
        retry_error_callback=lambda _: None,
    )
    waiting(condition, conversation)


def _stands_still(conversation: RemoteConversation) -> bool:
    return _status(conversation) != "running"


def _status(conversation: RemoteConversation) -> str | None:
    found = conversation.workspace.client.get(_path(conversation.id)).json()
    return found.get("execution_status")


def _has_ended(conversation: RemoteConversation) -> bool:
    """Whether it is idle, and something came after the last message to it."""
    status = _status(conversation)
    if status == "waiting_for_confirmation":
        return True  # the first action may wait, and then nothing has been done yet
    if status == "running":
        return False
    query = {"limit": 50, "sort_order": "TIMESTAMP_DESC"}
    path = f"{_path(conversation.id)}/events/search"
    newest = conversation.workspace.client.get(path, params=query).json()["items"]
    for event in newest:
        if event["kind"] == "MessageEvent" and event["source"] == "user":
            return False
        if event["kind"] in _DEEDS:
            return True
    return False


def verification_there(conversation: RemoteConversation) -> Verification | None:
    """Whether the work was verified there; ``None``: nobody asked."""
    answer = conversation.workspace.client.get(_path(conversation.id))
    return _verification(answer.raise_for_status().json())


def _verification(info: Mapping[str, Any]) -> Verification | None:
    from openhands_tiered_router.guards.verify.memory import verification_of

    stored = _Stored(info.get("agent_state") or {})
    return verification_of(cast("ConversationState", stored))


def _done(conversation: RemoteConversation, earlier: Sequence[_Info]) -> Done:
    # Asked anew: what the client has received may lack the last call.
    info = conversation.workspace.client.get(_path(conversation.id))
    found = info.raise_for_status().json()
    verification = _verification(found)
    verified = verification is not None and verification.status == "verified"
    status = found["execution_status"]
    code = exit_code_at(status, list(conversation.state.events))
    if code == 0 and verification is not None and not verified:
        code = EXIT_UNVERIFIED
    return Done(
        exit_code=code,
        status=status,
        verification=verification.reason if verification else "",
        verified=verified,
        tiers=_sum([*(each.tiers for each in earlier), _info(found).tiers]),
    )


def _sum(every: Sequence[Mapping[str, TierCost]]) -> dict[str, TierCost]:
    total: dict[str, TierCost] = {}
    for tiers in every:
        for name, cost in tiers.items():
            total[name] = total[name] + cost if name in total else cost
    return total


@dataclass(frozen=True, slots=True)
class _Stored:
    """The part of a conversation's state that verification is read off."""

    agent_state: dict[str, Any]
