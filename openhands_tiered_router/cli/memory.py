"""``tiered-router memory``: what repositories taught earlier conversations."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from openhands_tiered_router.cli.here import Failure, config_option
from openhands_tiered_router.pages import doc_page
from openhands_tiered_router.plural import counted


if TYPE_CHECKING:
    from openhands_tiered_router.memory.store import Memory

_EPILOG: Final = f"""\b
Examples:
  tiered-router memory list
  tiered-router memory show --request "fix the failing test"
  tiered-router memory forget 3 7
  tiered-router memory forget --all
  tiered-router memory export --all > memory.jsonl

\b
Exit code:  0  done
            2  no such entry or repository, or the file cannot be used

\b
More: {doc_page("tokens")}
"""

_json = click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
_all = click.option("--all", "everything", is_flag=True, help="Of all repositories.")
_workspace = click.option(
    "--workspace",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=Path(),
    help="A directory of the repository; by default this one.",
)


@click.group(name="memory", epilog=_EPILOG)
def command() -> None:
    """Show and forget what repositories taught earlier conversations.

    With [memory] enabled = true, commands that worked, what mended errors and what
    users decided are kept for the next conversation in the same repository.
    """


@command.command("list")
@_workspace
@_all
@config_option
@_json
def list_(workspace: Path, everything: bool, config: str | None, as_json: bool) -> None:
    """List entries, newest first."""
    with _opened(config) as memory:
        entries = memory.entries(None if everything else _key(workspace))
    if as_json:
        click.echo(json.dumps([entry.as_json() for entry in entries]))
        return
    if not entries:
        click.echo("Nothing is remembered.")
        return
    for entry in entries:
        seen = time.strftime("%Y-%m-%d", time.gmtime(entry.last))
        place = f"  {entry.name}" if everything else ""
        click.echo(f"{entry.id:5}  {seen}  {entry.times:3} x{place}  {entry.line[2:]}")


@command.command()
@_workspace
@click.option("--request", default="", help="What the conversation would begin with.")
@config_option
@_json
def show(workspace: Path, request: str, config: str | None, as_json: bool) -> None:
    """Show what the next conversation here would be told."""
    from openhands_tiered_router.memory.repository import repository_of

    with _opened(config) as memory:
        where = repository_of(workspace)
        told = None if where is None else memory.recall(where, request)
    if as_json:
        click.echo(json.dumps({"told": told}))
        return
    click.echo(told or "Nothing is remembered.")


@command.command()
@click.argument("ids", nargs=-1, type=int)
@_workspace
@click.option("--repository", is_flag=True, help="All entries of this repository.")
@click.option("--all", "everything", is_flag=True, help="All entries.")
@config_option
@_json
def forget(
    ids: tuple[int, ...],
    workspace: Path,
    repository: bool,
    everything: bool,
    config: str | None,
    as_json: bool,
) -> None:
    """Remove entries for good, by the numbers that `list` shows."""
    if bool(ids) + repository + everything != 1:
        raise click.UsageError("give numbers of entries, --repository or --all")
    with _opened(config) as memory:
        if not ids:
            found = memory.entries(None if everything else _key(workspace))
            ids = tuple(entry.id for entry in found)
        elif missing := set(ids) - {entry.id for entry in memory.entries()}:
            raise Failure(
                f"no entry {min(missing)}; see: tiered-router memory list --all"
            )
        removed = memory.forget(ids)
    if as_json:
        click.echo(json.dumps({"forgotten": removed}))
    else:
        click.echo(f"{counted(removed, 'entry', 'entries')} forgotten", err=True)


@command.command()
@_workspace
@_all
@config_option
@click.option("--json", "as_json", is_flag=True, help="As always here: JSON Lines.")
def export(
    workspace: Path, everything: bool, config: str | None, as_json: bool
) -> None:
    """Write entries to standard output, one a line, in JSON."""
    del as_json
    with _opened(config) as memory:
        for entry in memory.entries(None if everything else _key(workspace)):
            click.echo(json.dumps(entry.as_json()))


def _key(workspace: Path) -> str:
    from openhands_tiered_router.memory.repository import repository_of

    where = repository_of(workspace)
    if where is None:
        raise Failure(
            f"{workspace.resolve()}: not in a git repository, or in one without "
            "commits or with a shallow clone's history; give --workspace, or --all"
        )
    return where.key


@contextmanager
def _opened(config: str | None) -> Iterator[Memory]:
    """The memory, with every problem as an error of the command."""
    from openhands_tiered_router.cli.here import config_file
    from openhands_tiered_router.config import ConfigError, find_config
    from openhands_tiered_router.memory.settings import MemorySettings
    from openhands_tiered_router.memory.store import MemoryProblem, memory_of

    try:
        there = config or config_file()
        settings = find_config(config).load().memory if there else MemorySettings()
        yield memory_of(settings)
    except (ConfigError, MemoryProblem) as error:
        raise Failure(str(error)) from None
