"""``tiered-router run``: an agent on a task, headless."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from openhands_tiered_router.cli.confirming import ask, ask_there, can_ask
from openhands_tiered_router.cli.here import (
    Number,
    config_option,
    default_state_dir,
    max_iterations_option,
    quiet_sdk,
    state_dir_option,
    task_value_option,
)
from openhands_tiered_router.cli.kept import (
    budget_of,
    found_id,
    newest_in,
)
from openhands_tiered_router.config.resolver import Sandbox
from openhands_tiered_router.resolver.ending import EXIT_USAGE, EXIT_WAITING, stopped
from openhands_tiered_router.resolver.errors import UsageProblem
from openhands_tiered_router.resolver.local import run_to_end
from openhands_tiered_router.resolver.routers import limited, router_of
from openhands_tiered_router.resolver.sandbox.run import Request, sandbox_of
from openhands_tiered_router.textfiles import no_such_file


if TYPE_CHECKING:
    from openhands.sdk import LocalConversation

    from openhands_tiered_router import ComplexityRouter
    from openhands_tiered_router.cli.turns import Reporter


@click.command(
    epilog="""\b
Exit codes:
  0  the agent finished         3  --max-iterations reached
  1  it failed; says of what    4  it was stuck in a loop
  2  usage or configuration     5  it finished, and the work is not verified
  6  a budget is used up        7  another guard paused it; --resume goes on
  8  actions wait for a yes   130  paused with Ctrl-C; --resume goes on
  9  a sandbox's change does not fit the workspace any more: kept as a patch
\b
Examples:
  tiered-router run --task "Fix the failing test"
  tiered-router run --task issue.md --workspace ../project --json
  tiered-router run --task "Upgrade the dependencies" --sandbox docker
  tiered-router run --task "Mend the checkout" --task-value 20
  tiered-router run --continue --task "Now update the changelog"
  tiered-router run --resume 1f0c -v
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
@click.option(
    "--sandbox",
    type=click.Choice(["local", "docker", "remote"]),
    help="Where the agent works: here, which is the default; in a container; on the "
    "agent-server of [sandbox] host. Its change comes back into the workspace.",
)
@config_option
@max_iterations_option
@click.option(
    "--resume",
    metavar="ID",
    help="Go on with that conversation; a beginning of its id will do.",
)
@click.option(
    "--continue",
    "go_on",
    is_flag=True,
    help="Go on with the workspace's newest conversation.",
)
@click.option(
    "--verbose",
    "-v",
    count=True,
    help="Thoughts and results at length; -vv: each decision's reasons and cost.",
)
@state_dir_option
@click.option(
    "--verify/--no-verify",
    default=None,
    help="Verify the work when the agent finishes; by default as configured.",
)
@click.option(
    "--budget",
    type=Number(0, min_open=True),
    metavar="USD",
    help="What the conversation may cost in all, earlier runs included; it holds for "
    "later runs too, until another is given.",
)
@task_value_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def command(
    task: str | None,
    workspace: Path,
    sandbox: str | None,
    config: str | None,
    max_iterations: int,
    resume: str | None,
    go_on: bool,
    verbose: int,
    state_dir: Path | None,
    verify: bool | None,
    budget: float | None,
    task_value: float | None,
    as_json: bool,
) -> None:
    """Run an agent on a task; shows what it does with the tier of each turn."""
    if task is None and resume is None and not go_on:
        raise click.UsageError("give a --task, or a conversation to --resume")
    if resume is not None and go_on:
        raise click.UsageError("give --resume or --continue, not both")
    text = _task_text(task)
    quiet_sdk()
    directory = state_dir or default_state_dir()
    earlier = found_id(directory, resume) if resume else None
    if go_on:
        earlier = newest_in(directory, workspace)
    if budget is None and earlier is not None:
        budget = budget_of(directory, earlier)
    try:
        chosen = sandbox_of(sandbox, directory, earlier)
    except UsageProblem as error:
        raise click.BadParameter(str(error), param_hint="--sandbox") from None
    request = Request(
        sandbox=chosen,
        task=text,
        workspace=workspace.resolve(),
        config=config,
        max_iterations=max_iterations,
        resume=earlier,
        state=directory.resolve(),
        verify=verify,
        budget=budget,
        task_value=task_value,
        ask=ask_there if not as_json and can_ask() else None,
    )
    if chosen is Sandbox.LOCAL:
        sys.exit(_run_here(request, as_json=as_json, verbose=verbose))
    from openhands_tiered_router.cli.run_sandbox import run_there

    sys.exit(run_there(request, as_json=as_json))


def _run_here(request: Request, *, as_json: bool, verbose: int) -> int:
    """Runs it on this machine; returns the exit code."""
    from openhands_tiered_router.cli.turns import Reporter
    from openhands_tiered_router.config import ConfigError

    reporter = Reporter(as_json=as_json, verbose=verbose, shows_waiting=True)
    try:
        _can_begin(request.config)
        with reporter.waiting("Loading the OpenHands SDK"):
            router = router_of(request.config, request.verify, request.task_value)
            if request.budget is not None:
                router = limited(router, request.budget)
    except ConfigError as error:
        click.echo(str(error), err=True)
        return EXIT_USAGE
    conversation = _conversation(router, reporter, request)
    reporter.begin(router, conversation)
    if request.task is not None:
        conversation.send_message(request.task)
    code = EXIT_WAITING if stopped(conversation) else None
    while code is None or (code == EXIT_WAITING and request.ask is not None):
        if code is not None:
            ask(conversation)
        code = asyncio.run(run_to_end(conversation, reporter.failed))
        reporter.rest()
    reporter.end(code)
    conversation.close()
    return code


def _can_begin(config: str | None) -> None:
    """Finds in a second what would fail later: the SDK takes several to load.

    Raises:
        ConfigError: A key is missing, or no provider can be reached.
    """
    from openhands_tiered_router.config import open_config
    from openhands_tiered_router.config.reach import check_keys, check_network

    opened = open_config(config)
    check_keys(opened, os.environ)
    check_network(opened, os.environ)


def _task_text(task: str | None) -> str | None:
    """The file's content if it names one; a text too long for a path is a text.

    One word that looks like a path is no task: a file was meant that is not there.
    """
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
    if mistake := no_such_file(task):
        raise click.BadParameter(mistake, param_hint="--task")
    return task


def _conversation(
    router: ComplexityRouter, reporter: Reporter, request: Request
) -> LocalConversation:
    from openhands_tiered_router import routed_conversation

    return routed_conversation(
        router,
        request.workspace,
        callbacks=[reporter.event],
        persistence_dir=request.state,
        conversation_id=request.resume,
        max_iteration_per_run=request.max_iterations,
        visualizer=None,
        delete_on_close=False,
    )
