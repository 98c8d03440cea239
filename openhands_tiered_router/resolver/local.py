"""The agent that ``resolve`` sets to work on this machine."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from openhands_tiered_router.resolver import prompt
from openhands_tiered_router.resolver.ending import EXIT_WAITING, exit_code, stopped
from openhands_tiered_router.resolver.hidden import hidden
from openhands_tiered_router.resolver.progress import Progress
from openhands_tiered_router.resolver.work import Done, Work, tier_costs


if TYPE_CHECKING:
    from openhands.sdk import LocalConversation

    from openhands_tiered_router.guards.verify.memory import Verification
    from openhands_tiered_router.router import ComplexityRouter


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalAgent:
    """A routed agent in a directory of this machine. One for each run."""

    router: ComplexityRouter
    conversations: Path
    """Where they are kept."""
    reporter: Progress
    max_iterations: int
    keep: tuple[str, ...] = ()
    """Variables that the agent may see though they may hold secrets; globs."""
    ask: Callable[[LocalConversation], None] | None = None
    """Asks the user for what waits for a yes; ``None``: nobody is there."""

    def __call__(self, work: Work) -> Done:
        variables = self.router.settings.key_variables.values()
        with hidden(variables, self.keep):
            conversation = self._conversation(work)
            try:
                return self._run(conversation, work)
            finally:
                conversation.close()

    def _conversation(self, work: Work) -> LocalConversation:
        from openhands_tiered_router.conversation import routed_conversation

        return routed_conversation(
            self.router,
            work.directory,
            callbacks=[self.reporter.event],
            persistence_dir=self.conversations,
            conversation_id=work.conversation,
            max_iteration_per_run=self.max_iterations,
            visualizer=None,
            delete_on_close=False,
        )

    def _run(self, conversation: LocalConversation, work: Work) -> Done:
        self.reporter.begin(self.router, conversation)
        code = self._to_end(conversation, work)
        verification = _verification(conversation)
        return Done(
            exit_code=code,
            status=conversation.state.execution_status.value,
            verification=verification.reason if verification else "",
            verified=verification is not None and verification.status == "verified",
            tiers=tier_costs(conversation.conversation_stats),
        )

    def _to_end(self, conversation: LocalConversation, work: Work) -> int:
        if stopped(conversation):
            if self.ask is None:
                return exit_code(conversation)  # to run would be to say yes
            self.ask(conversation)
        said = list(_messages(conversation, work))
        for message in said:
            conversation.send_message(message)
        code = exit_code(conversation)
        if said or not _is_finished(conversation):
            code = asyncio.run(run_to_end(conversation, self.reporter.failed))
        while code == EXIT_WAITING and self.ask is not None:
            self.ask(conversation)
            code = asyncio.run(run_to_end(conversation, self.reporter.failed))
        return code


def _messages(conversation: LocalConversation, work: Work) -> Iterator[str]:
    from openhands.sdk.event import MessageEvent

    from openhands_tiered_router.guards.verify.judgement import Reason

    events = conversation.state.events
    if not any(isinstance(e, MessageEvent) and e.source == "user" for e in events):
        yield work.task
        return
    yield from work.news
    verification = _verification(conversation)
    if work.news or verification is None or not _is_finished(conversation):
        return
    if verification.status == "unverified" and verification.reason:
        reason = Reason(verification.reason).told
        yield prompt.UNVERIFIED.format(reason=reason)


def _is_finished(conversation: LocalConversation) -> bool:
    return conversation.state.execution_status.value == "finished"


def _verification(conversation: LocalConversation) -> Verification | None:
    from openhands_tiered_router.guards.verify.memory import verification_of

    return verification_of(conversation.state)


async def run_to_end(
    conversation: LocalConversation, failed: Callable[[Exception], None]
) -> int:
    """Runs to the end; the first Ctrl-C pauses, a second one kills."""
    loop = asyncio.get_running_loop()

    def interrupt() -> None:
        loop.remove_signal_handler(signal.SIGINT)
        conversation.interrupt()

    with contextlib.suppress(NotImplementedError):  # Windows: Ctrl-C raises instead
        loop.add_signal_handler(signal.SIGINT, interrupt)
    try:
        await conversation.arun()
    except Exception as error:
        failed(error)
    return exit_code(conversation)
