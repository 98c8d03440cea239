"""``tiered-router resolve``: an issue in, a verified change out."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from openhands_tiered_router.cli.confirming import ask, ask_there, can_ask
from openhands_tiered_router.cli.here import (
    Number,
    default_state_dir,
    quiet_sdk,
    task_value_option,
)


if TYPE_CHECKING:
    from openhands_tiered_router.resolver.run import Request, Result


TIERS: Final = ("simple", "medium", "complex", "reasoning")

_EPILOG: Final = """\b
ISSUE is a file, a text, - for standard input, the URL of an issue on GitHub or GitLab,
or OWNER/REPO#N. REPO is a directory or a clone URL; by default the issue's own
repository, else the current directory.
\b
Exit codes:
  0  resolved; what was asked for is delivered
  1  the agent ended with an error       6  a budget is used up
  2  usage or configuration              7  another guard paused it
  3  --max-iterations reached            8  it finished without a change, or actions
  4  it was stuck in a loop                 wait for a yes; asked for at a terminal
  5  it finished, not verified           9  done, but not delivered: the branch,
                                            the push or the request was refused
                                       130  paused with Ctrl-C
After any of 1 to 9 and 130, the same command goes on where it ended.
\b
Examples:
  tiered-router resolve issue.md ../project --sandbox local --patch fix.patch
  tiered-router resolve OWNER/REPO#12 --pr
  tiered-router resolve --demo
"""


@click.command(epilog=_EPILOG)
@click.argument("issue", required=False)
@click.argument("repo", required=False)
@click.option("--config", help="Configuration file; else looked for as usual.")
@click.option(
    "--patch",
    type=click.Path(dir_okay=False, path_type=Path, resolve_path=True),
    help="Write the change there, for git apply.",
)
@click.option(
    "--push", is_flag=True, help="Push the branch to the repository's origin."
)
@click.option("--pr", is_flag=True, help="Push, and open a pull or merge request.")
@click.option(
    "--sandbox",
    type=click.Choice(["local", "docker", "remote"]),
    help="Where the agent runs; by default as configured, else docker.",
)
@click.option("--budget", type=Number(0, min_open=True), metavar="USD")
@task_value_option
@click.option("--tier", type=click.Choice(TIERS), help="Serve every turn by this tier.")
@click.option(
    "--max-iterations", type=click.IntRange(1), default=500, show_default=True
)
@click.option("--verify/--no-verify", default=True, help="Verify the work; on.")
@click.option("--unverified", is_flag=True, help="Deliver what is not verified, too.")
@click.option("--fresh", is_flag=True, help="Forget earlier runs on this issue.")
@click.option(
    "--state-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where runs are kept; by default in the user's state directory.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.option("--demo", is_flag=True, help="Fix the bundled project, offline.")
def command(
    issue: str | None,
    repo: str | None,
    demo: bool,
    state_dir: Path | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Resolve an issue in an isolated copy of a repository."""
    from openhands_tiered_router.resolver.run import Request

    if demo == (issue is not None):
        raise click.UsageError("give an issue, or --demo")
    quiet_sdk()
    asks = can_ask() and not as_json
    request = Request(
        issue=issue or "",
        repo=repo,
        given=sys.stdin.read() if issue == "-" else "",
        state=(state_dir or default_state_dir().parent).resolve(),
        ask=ask if asks else None,
        ask_there=ask_there if asks else None,
        **options,
    )
    if demo:
        from openhands_tiered_router.cli.demo.resolve import run_demo

        sys.exit(run_demo(request, as_json=as_json))
    sys.exit(resolve(request, as_json=as_json))


def resolve(request: Request, *, as_json: bool, show_patch: bool = False) -> int:
    """Resolves, shows what came of it, and returns the exit code.

    Args:
        request: What to resolve, and how.
        as_json: Print JSON lines.
        show_patch: Print the patch rather than where results are.
    """
    from openhands_tiered_router.cli.served import ServedReporter
    from openhands_tiered_router.config import ConfigError
    from openhands_tiered_router.resolver import ending, errors, run

    try:
        result = run.resolve(request, ServedReporter(as_json=as_json))
    except (ConfigError, errors.ResolveError) as error:
        click.echo(f"Error: {error}", err=True)
        if isinstance(error, errors.DeliveryError):
            return ending.EXIT_NOT_DELIVERED
        wrong = isinstance(error, ConfigError | errors.UsageProblem)
        return ending.EXIT_USAGE if wrong else ending.EXIT_ERROR
    if result.problem:
        click.echo(f"Error: {result.problem}", err=True)
    if as_json:
        click.echo(json.dumps(_as_object(result)))
    else:
        _show(result, show_patch=show_patch)
    return result.exit_code


def _show(result: Result, *, show_patch: bool) -> None:
    from rich.console import Console

    from openhands_tiered_router.cli.served import cost_table

    plan, outcome, delivered = result.plan, result.outcome, result.delivered

    console = Console(highlight=False, soft_wrap=True)
    done = outcome.done
    if done is not None:
        console.print(cost_table(done.tiers))
        console.print(f"{done.status}; ${done.usd:.4f}", style="bold", markup=False)
        if done.verification:
            word = "verified" if done.verified else "not verified"
            console.print(f"{word}: {done.verification}", markup=False)
    else:
        console.print("Resolved before; --fresh begins anew.")
    if show_patch and plan.request.patch is not None:
        console.print(plan.request.patch.read_text("utf-8", "replace"), markup=False)
        delivered = {}
    for what, where in delivered.items():
        console.print(f"{what}: {where}", markup=False)
    for name in plan.wishes.refused:
        text = f"label {name} is not obeyed: who set it is not trusted"
        console.print(text, markup=False)
    if outcome.dependencies:
        names = ", ".join(outcome.dependencies)
        console.print(f"Dependency files differ: {names}; install anew", markup=False)
    if outcome.kept is not None:
        console.print(f"Kept in {outcome.kept}; run again to go on", markup=False)


def _as_object(result: Result) -> dict[str, Any]:
    """The last line of ``--json``. Money in USD."""
    plan, outcome = result.plan, result.outcome
    done = outcome.done
    return {
        "type": "resolution",
        "exit_code": result.exit_code,
        "issue": plan.reference.identity,
        "repository": plan.source.identity,
        "conversation": str(result.conversation),
        "sandbox": str(plan.sandbox),
        "resumed": outcome.resumed,
        "status": done.status if done else "resolved before",
        "verified": outcome.verified,
        "verification": done.verification if done else "",
        "base": outcome.base,
        "commit": outcome.commit or None,
        "delivered": result.delivered,
        "cost_usd": done.usd if done else 0.0,
        "tiers": {n: asdict(c) for n, c in done.tiers.items()} if done else {},
        "dependencies_changed": list(outcome.dependencies),
        "labels_refused": list(plan.wishes.refused),
        "kept_in": str(outcome.kept) if outcome.kept else None,
    }
