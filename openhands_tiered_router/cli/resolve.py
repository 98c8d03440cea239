"""``tiered-router resolve``: an issue in, a verified change out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Final

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
from openhands_tiered_router.cli.resolving import resolve


TIERS: Final = ("simple", "medium", "complex", "reasoning")

_EPILOG: Final = """\b
ISSUE is a file, a text, - for standard input, the URL of an issue on GitHub
or GitLab, or OWNER/REPO#N. REPO is a directory or a clone URL; by default the
issue's own repository, else the current directory.
\b
Exit codes:
  0  resolved; what was asked for is delivered
  1  the agent ended with an error       6  a budget is used up
  2  usage or configuration              7  another guard paused it
  3  --max-iterations reached            8  actions wait for a yes, which is
  4  it was stuck in a loop                 asked for at a terminal
  5  it finished, not verified           9  done, but not delivered: branch,
                                            push or request was refused
 10  it finished without a change      130  paused with Ctrl-C
After any of 1 to 10 and 130, the same command goes on where it ended.
\b
Examples:
  tiered-router resolve issue.md ../project --sandbox local --patch fix.patch
  tiered-router resolve OWNER/REPO#12 --pr
  tiered-router resolve --demo
"""


@click.command(epilog=_EPILOG)
@click.argument("issue", required=False)
@click.argument("repo", required=False)
@config_option
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
@max_iterations_option
@click.option("--verify/--no-verify", default=True, help="Verify the work; on.")
@click.option("--unverified", is_flag=True, help="Deliver what is not verified, too.")
@click.option("--fresh", is_flag=True, help="Forget earlier runs on this issue.")
@state_dir_option
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
