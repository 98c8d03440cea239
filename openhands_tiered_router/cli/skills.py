"""``tiered-router skills``: what a repository ships for its agents."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click


if TYPE_CHECKING:
    from openhands_tiered_router.skill_kit.install import Item, Layout, State

LEFT: Final = 1
"""Exit code when an edited file was left as it is."""

# Listed here so that --help need not import what installs.
LAYOUTS: Final = ("agents", "openhands", "microagents")


@click.group(
    name="skills",
    epilog="""\b
Examples:
  tiered-router skills install
  tiered-router skills install --layout openhands ../project
  tiered-router skills repo
\b
Exit code:  0  done
            1  an edited file was left as it is; --force overwrites it
            2  the command line cannot be understood, or a file not be used
""",
)
def command() -> None:
    """Put skills and sub-agents for OpenHands agents into a repository."""


def _common(function: Callable[..., None]) -> Callable[..., None]:
    """Add what every command takes."""
    for decorate in (
        click.argument(
            "root",
            metavar="[DIR]",
            default=".",
            type=click.Path(exists=True, file_okay=False, path_type=Path),
        ),
        click.option("--json", "as_json", is_flag=True, help="Report in JSON."),
        click.option(
            "--layout",
            type=click.Choice(LAYOUTS),
            default=LAYOUTS[0],
            show_default=True,
            help=".agents/skills, .openhands/skills or .openhands/microagents.",
        ),
    ):
        function = decorate(function)
    return function


_names = click.option(
    "--skill", "names", multiple=True, metavar="NAME", help="Only this one; repeatable."
)
_dry_run = click.option("--dry-run", is_flag=True, help="Say what would be done.")
_force = click.option("--force", is_flag=True, help="Edited files too.")


@command.command(name="list")
@_common
def list_(root: Path, layout: str, as_json: bool) -> None:
    """List skills and sub-agents, and what of each is installed."""
    found = _items(root, layout, ())
    _report([(item, str(item.state)) for item in found], as_json)


@command.command()
@_common
@_names
@_dry_run
@_force
@click.pass_context
def install(context: click.Context, **options: Any) -> None:
    """Write them into the repository in DIR; keeps edited files."""
    from openhands_tiered_router.skill_kit.install import State
    from openhands_tiered_router.textfiles import write

    _change(
        context,
        lambda item, _: write(item.path, item.text),
        State.CURRENT,
        "written",
        **options,
    )


@command.command()
@_common
@_names
@_dry_run
@_force
@click.pass_context
def remove(context: click.Context, **options: Any) -> None:
    """Remove them from the repository in DIR; keeps edited files."""
    from openhands_tiered_router.skill_kit.install import State, remove as delete

    _change(
        context,
        lambda item, root: delete(item.path, root),
        State.ABSENT,
        "removed",
        **options,
    )


def _change(
    context: click.Context,
    change: Callable[[Item, Path], None],
    wanted: State,
    verb: str,
    *,
    root: Path,
    layout: str,
    as_json: bool,
    names: Sequence[str],
    dry_run: bool,
    force: bool,
) -> None:
    """Change what is not as ``wanted``; exits with ``LEFT`` if an edited file stays."""
    found = _items(root, layout, names)
    done: list[tuple[Item, str]] = []
    for item in found:
        due = item.state != wanted and (force or item.state != "changed")
        if due and not dry_run:
            _try(change, item, root)
        done.append((item, verb if due else str(item.state)))
    _report(done, as_json, dry_run)
    if any(outcome == "changed" for _, outcome in done):
        context.exit(LEFT)


@command.command()
@_common
@_dry_run
@_force
@click.pass_context
def repo(
    context: click.Context,
    root: Path,
    layout: str,
    as_json: bool,
    dry_run: bool,
    force: bool,
) -> None:
    """Write repo.md: how to build and test, and facts from the graph.

    Its section "## Notes" is yours: it is kept.
    """
    from openhands_tiered_router.cli.graph_common import progress
    from openhands_tiered_router.graph.build import build_graph
    from openhands_tiered_router.skill_kit.install import Layout
    from openhands_tiered_router.skill_kit.repo_page import NAME, page_for
    from openhands_tiered_router.textfiles import write

    with progress() as report:
        graph = build_graph(root, progress=report)
    path = _try(_place, root, Layout(layout), NAME)
    page = _try(page_for, graph, path)
    if not dry_run and not page.current and (force or not page.edited):
        _try(write, path, page.text)
    outcome = "current" if page.current else "written"
    if page.edited and not force:
        outcome = "changed"
    if as_json:
        answer = {"path": str(path), "outcome": outcome, "dry_run": dry_run}
        click.echo(json.dumps({**answer, "text": page.text}, indent=2))
    elif dry_run:
        click.echo(page.text, nl=False)
    else:
        click.echo(f"{path}: {_said(outcome, dry_run)}")
    if outcome == "changed":
        context.exit(LEFT)


_LEFT: Final = "left as it is: it was edited, or is not ours; --force overrides that"


def _place(root: Path, layout: Layout, name: str) -> Path:
    from openhands_tiered_router.skill_kit.install import inside

    return inside(root, layout.skills / name)


def _items(root: Path, layout: str, names: Sequence[str]) -> list[Item]:
    from openhands_tiered_router.skill_kit.install import Layout, items

    try:
        return _try(items, root, Layout(layout), names)
    except ValueError as error:
        raise click.UsageError(str(error)) from None


def _try[**P, T](work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    from openhands_tiered_router.textfiles import TextFileError

    try:
        return work(*args, **kwargs)
    except TextFileError as error:
        raise click.UsageError(str(error)) from None


def _report(
    done: Sequence[tuple[Item, str]], as_json: bool, dry_run: bool = False
) -> None:
    if as_json:
        rows: list[dict[str, Any]] = [
            {"name": item.name, "path": str(item.path), "outcome": outcome}
            for item, outcome in done
        ]
        click.echo(json.dumps({"dry_run": dry_run, "files": rows}, indent=2))
        return
    for item, outcome in done:
        click.echo(f"{item.path}: {_said(outcome, dry_run)}")


def _said(outcome: str, dry_run: bool) -> str:
    if dry_run and outcome in ("written", "removed"):
        return f"would be {outcome}"
    return _LEFT if outcome == "changed" else outcome
