"""``tiered-router conversations``: those that ``run`` keeps."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

import click

from openhands_tiered_router.cli.here import default_state_dir, state_dir_option
from openhands_tiered_router.cli.kept import answer_of, found_id, kept_in, read


@click.group(
    name="conversations",
    epilog="""\b
Examples:
  tiered-router conversations list
  tiered-router conversations show 1f0c
  tiered-router conversations resume 1f0c --task "Now update the changelog"
""",
)
def command() -> None:
    """List, show and resume the conversations of `tiered-router run`.

    Any beginning of an id that only one conversation has will do.
    """


@command.command("list")
@state_dir_option
@click.option("--json", "as_json", is_flag=True, help="JSON.")
def show_all(state_dir: Path | None, as_json: bool) -> None:
    """Print them, the newest first."""
    found = kept_in(_directory(state_dir))
    if as_json:
        click.echo(json.dumps([asdict(kept) for kept in found], indent=2))
        return
    if not found:
        click.echo('No conversations yet. Begin one: tiered-router run --task "..."')
    for kept in found:
        when = datetime.fromtimestamp(kept.time).strftime("%b %d %H:%M")
        line = f"{kept.id[:8]}  {when}  {kept.status:<9.9} ${kept.cost_usd:<8.4f} "
        click.echo(line + kept.task[: max(79 - len(line), 20)])


@command.command()
@click.argument("conversation")
@state_dir_option
@click.option("--json", "as_json", is_flag=True, help="JSON.")
def show(conversation: str, state_dir: Path | None, as_json: bool) -> None:
    """Print what one was about, and what came of it."""
    directory = _directory(state_dir)
    id = found_id(directory, conversation, "CONVERSATION")
    kept = read(directory / id.hex)
    if kept is None:
        raise click.UsageError(f"{id} ran in a sandbox: see it with run --resume {id}")
    answer = answer_of(directory / id.hex)
    if as_json:
        click.echo(json.dumps({**asdict(kept), "answer": answer}, indent=2))
        return
    click.echo(f"{kept.id}  {kept.status}  ${kept.cost_usd:.4f}")
    click.echo(f"in {kept.workspace}\n\n{kept.task}")
    if answer:
        click.echo(f"\n{answer}")
    click.echo(f"\nTurn by turn: tiered-router report --conversation {kept.id}")


@command.command(
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False}
)
@click.argument("conversation")
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def resume(context: click.Context, conversation: str, options: tuple[str, ...]) -> None:
    """Go on with one: `run --resume`, whose options it takes."""
    from openhands_tiered_router.cli.run import command as run

    arguments = ["--resume", conversation, *options]
    parent = context.parent
    sys.exit(run.main(arguments, context.info_name, parent=parent))


def _directory(given: Path | None) -> Path:
    return given or default_state_dir()
