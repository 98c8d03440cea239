"""``tiered-router run``: an agent on a task, headless."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final
from uuid import UUID

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
EXIT_PAUSED: Final = 130


@click.command(
    epilog="""\b
Exit codes:
  0  the agent finished         3  --max-iterations reached
  1  it ended with an error     4  it was stuck in a loop
  2  usage or configuration     5  it finished, and the work is not verified
  6  a budget is used up        7  another guard paused it; --resume goes on
                              130  paused with Ctrl-C; --resume goes on
\b
Examples:
  tiered-router run --task "Fix the failing test"
  tiered-router run --task issue.md --workspace ../project --json
  tiered-router run --resume 1f0c... --task "Now update the changelog"
"""
)
@click.option("--task", help="What to do: a text, or a file that holds it.")
@click.option(
    "--workspace",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=Path(),
    show_default="current directory",
    help="Directory to work in.",
)
@click.option("--config", help="Configuration file; else looked for as usual.")
@click.option(
    "--max-iterations", type=click.IntRange(1), default=500, show_default=True
)
@click.option("--resume", type=click.UUID, help="Go on with that conversation.")
@click.option(
    "--state-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where conversations are kept; by default in the user's state directory.",
)
@click.option(
    "--verify/--no-verify",
    default=None,
    help="Verify the work when the agent finishes; by default as configured.",
)
@click.option(
    "--budget",
    type=click.FloatRange(0, min_open=True),
    metavar="USD",
    help="What the conversation may cost in all, runs before a --resume included.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def command(
    task: str | None,
    workspace: Path,
    config: str | None,
    max_iterations: int,
    resume: UUID | None,
    state_dir: Path | None,
    verify: bool | None,
    budget: float | None,
    as_json: bool,
) -> None:
    """Run an agent on a task; shows what it does with the tier of each turn."""
    if task is None and resume is None:
        raise click.UsageError("give a --task, or a conversation to --resume")
    text = _task_text(task)
    _quiet_sdk()
    from openhands_tiered_router.cli.turns import Reporter
    from openhands_tiered_router.config import ConfigError

    reporter = Reporter(as_json=as_json)
    try:
        with reporter.waiting("Loading the OpenHands SDK"):
            router = _router(config, verify)
            if budget is not None:
                router = _limited(router, budget)
    except ConfigError as error:
        click.echo(str(error), err=True)
        sys.exit(EXIT_USAGE)
    directory = state_dir or _default_state_dir()
    conversation = _conversation(
        router, reporter, workspace, directory, max_iterations, resume
    )
    reporter.begin(router, conversation)
    if text is not None:
        conversation.send_message(text)
    code = asyncio.run(_run(conversation, reporter))
    reporter.end(code)
    conversation.close()
    sys.exit(code)


def _task_text(task: str | None) -> str | None:
    """The file's content if it names one; a text too long for a path is a text."""
    if task is None:
        return None
    with contextlib.suppress(OSError, ValueError):
        path = Path(task)
        if path.is_file():
            try:
                return path.read_text(encoding="utf-8")
            except UnicodeDecodeError as error:
                raise click.BadParameter(
                    f"{path} is not UTF-8 text: {error.reason}; convert it",
                    param_hint="--task",
                ) from None
    if not task.strip():
        raise click.BadParameter("the task is empty", param_hint="--task")
    return task


def _quiet_sdk() -> None:
    """The SDK logs to the terminal by default; here the turns are the output."""
    os.environ.setdefault("OPENHANDS_SUPPRESS_BANNER", "1")
    os.environ.setdefault("LOG_LEVEL", "ERROR")
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")


def _router(config: str | None, verify: bool | None) -> ComplexityRouter:
    from openhands_tiered_router import ComplexityRouter

    router = ComplexityRouter.from_config(config)
    if verify is None:
        return router
    chosen = router.settings.verify.model_copy(update={"enabled": verify})
    settings = router.settings.model_copy(update={"verify": chosen})
    return router.model_copy(update={"settings": settings})


def _limited(router: ComplexityRouter, usd: float) -> ComplexityRouter:
    """The router under one more budget."""
    from openhands_tiered_router.guards.budget.limits import Budget
    from openhands_tiered_router.guards.budget.messages import COMMAND_LINE

    budgets = (*router.settings.budgets, Budget(name=COMMAND_LINE, usd=usd))
    settings = router.settings.model_copy(update={"budgets": budgets})
    return router.model_copy(update={"settings": settings})


def _default_state_dir() -> Path:
    from platformdirs import user_state_path

    return user_state_path("tiered-router", appauthor=False) / "conversations"


def _conversation(
    router: ComplexityRouter,
    reporter: Reporter,
    workspace: Path,
    directory: Path,
    max_iterations: int,
    resume: UUID | None,
) -> LocalConversation:
    from openhands_tiered_router import routed_conversation

    if resume is not None and not (directory / resume.hex).is_dir():
        raise click.BadParameter(
            f"no conversation {resume} in {directory}; see --state-dir",
            param_hint="--resume",
        )
    return routed_conversation(
        router,
        workspace.resolve(),
        callbacks=[reporter.event],
        persistence_dir=directory,
        conversation_id=resume,
        max_iteration_per_run=max_iterations,
        visualizer=None,
        delete_on_close=False,
    )


async def _run(conversation: LocalConversation, reporter: Reporter) -> int:
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
    return _exit_code(conversation)


def _exit_code(conversation: LocalConversation) -> int:
    from openhands.sdk.conversation.state import ConversationExecutionStatus as Status
    from openhands.sdk.event.conversation_error import ConversationErrorEvent

    status = conversation.state.execution_status
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
    from openhands_tiered_router.guards.hold import holds

    guards = {hold.guard for hold in holds(conversation.state)}
    if NAME in guards:
        return EXIT_BUDGET
    return EXIT_HELD if guards else EXIT_PAUSED


def _is_unverified(conversation: LocalConversation) -> bool:
    from openhands_tiered_router.guards.verify.memory import Status, verification_of

    verification = verification_of(conversation.state)
    return verification is not None and verification.status is Status.UNVERIFIED
