"""``tiered-router telemetry``: size, export and removal of what is recorded."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Final

import click

from openhands_tiered_router.cli.here import Failure, Number, recorded, telemetry_option
from openhands_tiered_router.plural import counted


_DAY: Final = 86_400.0

_EPILOG: Final = """\b
Examples:
  tiered-router telemetry stats
  tiered-router telemetry export --days 7 --format csv > decisions.csv
  tiered-router telemetry purge 1f0c0c62
  tiered-router telemetry purge --texts

\b
Exit code:  0  done
            2  the record cannot be used, or does not hold that
"""


@click.group(name="telemetry", epilog=_EPILOG)
def command() -> None:
    """Show, export and remove what is recorded."""


@command.command()
@telemetry_option
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
def stats(telemetry: Path | None, as_json: bool) -> None:
    """Show how much is recorded, and how large the file is."""
    from openhands_tiered_router.record.telemetry.query import (
        TelemetryFile,
        TelemetryReadError,
    )

    path = recorded(telemetry)
    file = TelemetryFile(path)
    try:
        rows, size = file.extent(), file.size()
    except TelemetryReadError as error:
        raise Failure(str(error)) from None
    if as_json:
        click.echo(json.dumps({"file": str(path), "bytes": size, **rows}))
        return
    click.echo(f"{path}: {size / 1e6:.1f} MB")
    for table, count in rows.items():
        click.echo(f"{count:>12,} {table if count != 1 else table.removesuffix('s')}")
    if rows["texts"]:
        click.echo("It holds what users and models said; purge --texts removes that.")


@command.command()
@telemetry_option
@click.option("--days", type=Number(min=0), help="Only of the last days.")
@click.option("--conversation", metavar="ID", help="Only of this one.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["jsonl", "csv"]),
    default="jsonl",
    show_default=True,
)
@click.option(
    "--out",
    "-o",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to write; by default standard output.",
)
@click.option("--texts", is_flag=True, help="With what was said, where it is recorded.")
def export(
    telemetry: Path | None,
    days: float | None,
    conversation: str | None,
    form: str,
    out: Path | None,
    texts: bool,
) -> None:
    """Write one row a decision: its numbers, its costs, what came of it."""
    from openhands_tiered_router.record.telemetry.export import (
        flat,
        with_texts,
        write_text,
    )
    from openhands_tiered_router.record.telemetry.opening import (
        TelemetryReadError,
        UnknownIdError,
        find_id,
    )
    from openhands_tiered_router.record.telemetry.query import TelemetryFile

    since = 0.0 if days is None else time.time() - days * _DAY
    path = recorded(telemetry)
    file = TelemetryFile(path)
    try:
        if conversation is not None:
            conversation = find_id(path, conversation, "conversations")
        calls = file.calls(since, conversation_id=conversation)
        rows = with_texts(file, calls) if texts else map(flat, calls)
        if out is None:
            count = write_text(rows, form, sys.stdout)
        else:
            with out.open("w", encoding="utf-8", newline="") as written:
                count = write_text(rows, form, written)
    except (TelemetryReadError, UnknownIdError, OSError) as error:
        raise Failure(str(error)) from None
    click.echo(f"{counted(count, 'decision')}", err=True)


@command.command()
@click.argument("conversation", required=False)
@telemetry_option
@click.option("--texts", is_flag=True, help="Remove all that was said, nothing else.")
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
def purge(
    conversation: str | None, telemetry: Path | None, texts: bool, as_json: bool
) -> None:
    """Remove every trace of a CONVERSATION.

    The beginning of its id is enough.

    Then the file is rewritten: in a large one that takes minutes, in which no other
    process can write its records, and those that end lose what they have.
    """
    from openhands_tiered_router.record.telemetry.opening import (
        TelemetryReadError,
        UnknownIdError,
        find_id,
    )
    from openhands_tiered_router.record.telemetry.removal import (
        purge as removed,
        purge_texts,
    )

    if texts == (conversation is not None):
        raise click.UsageError("name one conversation, or --texts")
    path = recorded(telemetry)
    try:
        if conversation is None:
            count = purge_texts(path)
            told, said = {"texts": count}, f"the texts of {counted(count, 'call')}"
        else:
            known = find_id(path, conversation, "conversations")
            count = removed(path, known) or 0
            told = {"conversation": known, "decisions": count}
            said = f"{known}, {counted(count, 'decision')}"
    except (TelemetryReadError, UnknownIdError) as error:
        raise Failure(str(error)) from None
    click.echo(json.dumps(told) if as_json else f"Removed {said}")
