"""What ``run`` and ``resolve`` share: a router, a run to its end, and an exit code."""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click


if TYPE_CHECKING:
    from openhands.sdk import LocalConversation

    from openhands_tiered_router import ComplexityRouter
    from openhands_tiered_router.cli.turns import Reporter


EXIT_ERROR: Final = 1
EXIT_USAGE: Final = 2
EXIT_LIMIT: Final = 3
EXIT_STUCK: Final = 4
EXIT_UNVERIFIED: Final = 5
EXIT_BUDGET: Final = 6
EXIT_HELD: Final = 7
EXIT_WAITING: Final = 8
EXIT_PAUSED: Final = 130


def _finite(
    _context: click.Context, _parameter: click.Parameter, value: float | None
) -> float | None:
    # No range of click's rules out NaN.
    if value is not None and math.isnan(value):
        raise click.BadParameter("give a number of USD")
    return value


task_value_option: Final = click.option(
    "--task-value",
    type=click.FloatRange(0, 1_000_000),
    callback=_finite,
    metavar="USD",
    help="What a solved task is worth to you; by default as configured.",
)


def quiet_sdk() -> None:
    """The SDK logs to the terminal by default; here the turns are the output."""
    os.environ.setdefault("OPENHANDS_SUPPRESS_BANNER", "1")
    os.environ.setdefault("LOG_LEVEL", "ERROR")


def router_of(
    config: str | None, verify: bool | None, task_value: float | None = None
) -> ComplexityRouter:
    from openhands_tiered_router import ComplexityRouter

    router = ComplexityRouter.from_config(config, task_value=task_value)
    if verify is None:
        return router
    chosen = router.settings.verify.model_copy(update={"enabled": verify})
    settings = router.settings.model_copy(update={"verify": chosen})
    return router.model_copy(update={"settings": settings})


def limited(router: ComplexityRouter, usd: float) -> ComplexityRouter:
    """The router under one more budget."""
    from openhands_tiered_router.guards.budget.limits import Budget
    from openhands_tiered_router.guards.budget.messages import COMMAND_LINE

    budgets = (*router.settings.budgets, Budget(name=COMMAND_LINE, usd=usd))
    settings = router.settings.model_copy(update={"budgets": budgets})
    return router.model_copy(update={"settings": settings})


def default_state_dir() -> Path:
    from platformdirs import user_state_path

    return user_state_path("tiered-router", appauthor=False) / "conversations"


async def run_to_end(conversation: LocalConversation, reporter: Reporter) -> int:
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
        reporter.failed(error)
    return exit_code(conversation)


def exit_code(conversation: LocalConversation) -> int:
    from openhands.sdk.conversation.state import ConversationExecutionStatus as Status
    from openhands.sdk.event.conversation_error import ConversationErrorEvent

    from openhands_tiered_router.cli.confirming import waits

    status = conversation.state.execution_status
    ended = status in (Status.FINISHED, Status.WAITING_FOR_CONFIRMATION)
    if ended and waits(conversation):
        return EXIT_WAITING
    if status is Status.FINISHED:
        return EXIT_UNVERIFIED if _is_unverified(conversation) else 0
    if status is Status.PAUSED:
        return _exit_code_of_pause(conversation)
    if status is Status.STUCK:
        return EXIT_STUCK
    errors = [
        e for e in conversation.state.events if isinstance(e, ConversationErrorEvent)
    ]
    codes = {"MaxIterationsReached": EXIT_LIMIT, "MaxBudgetReached": EXIT_BUDGET}
    return codes.get(errors[-1].code, EXIT_ERROR) if errors else EXIT_ERROR


def _exit_code_of_pause(conversation: LocalConversation) -> int:
    from openhands_tiered_router.guards.budget.notices import NAME
    from openhands_tiered_router.guards.pausing import holds

    guards = {hold.guard for hold in holds(conversation.state)}
    if NAME in guards:
        return EXIT_BUDGET
    return EXIT_HELD if guards else EXIT_PAUSED


def _is_unverified(conversation: LocalConversation) -> bool:
    from openhands_tiered_router.guards.verify.memory import Status, verification_of

    verification = verification_of(conversation.state)
    return verification is not None and verification.status is Status.UNVERIFIED
