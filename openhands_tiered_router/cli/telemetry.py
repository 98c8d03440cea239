"""``tiered-router telemetry``: the record itself: its size, its rows, its removal."""

from __future__ import annotations

import json
import math
import os
import sys
import time
from pathlib import Path
from typing import Final, NoReturn

import click


UNUSABLE: Final = 2

_DAY: Final = 86_400.0

_EPILOG: Final = """\b
Examples:
  tiered-router telemetry stats
  tiered-router telemetry export --days 7 --format csv > decisions.csv
  tiered-router telemetry export --format parquet --out decisions.parquet
  tiered-router telemetry purge 1f0c0c62-...
  tiered-router telemetry purge --texts

\b
Exit code:  0  done
            2  the record cannot be used, or does not hold that
"""

_file = click.option(
    "--telemetry",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File with the record; by default the one that routers write.",
)


@click.group(name="telemetry", epilog=_EPILOG)
def command() -> None:
    """Show, export and remove what is on record."""


@command.command()
@_file
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
def stats(telemetry: Path | None, as_json: bool) -> None:
    """Show how much is on record, and how large it is."""
    from openhands_tiered_router.record.telemetry.extent import extent
    from openhands_tiered_router.record.telemetry.files import TelemetryReadError

    path = _path(telemetry)
    try:
        found = extent(path)
    except TelemetryReadError as error:
        _fail(str(error))
    if as_json:
        click.echo(json.dumps({"file": str(path), "bytes": found.bytes, **found.rows}))
        return
    click.echo(f"{path}: {found.bytes / 1e6:.1f} MB")
    for table, count in found.rows.items():
        click.echo(f"{count:>12,} {table}")
    if found.rows["texts"]:
        click.echo("It holds what users and models said; purge --texts removes that.")


@command.command()
@_file
@click.option("--days", type=click.FloatRange(min=0), help="Only of the last days.")
@click.option("--conversation", metavar="ID", help="Only of this one.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["jsonl", "csv", "parquet"]),
    default="jsonl",
    show_default=True,
    help="Parquet needs pyarrow.",
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
        Format,
        MissingLibrary,
        plain,
        with_texts,
        write_parquet,
        write_text,
    )
    from openhands_tiered_router.record.telemetry.facts import turn_facts
    from openhands_tiered_router.record.telemetry.files import TelemetryReadError
    from openhands_tiered_router.record.telemetry.query import TelemetryFile

    since = 0.0 if days is None else time.time() - days * _DAY
    file = TelemetryFile(_path(telemetry))
    facts = turn_facts(file, since, math.inf, conversation)
    rows = with_texts(file, facts) if texts else map(plain, facts)
    try:
        if form == Format.PARQUET:
            if out is None:
                raise click.UsageError("name a file with --out: Parquet is no text")
            count = write_parquet(rows, out, texts=texts)
        elif out is None:
            count = write_text(rows, Format(form), sys.stdout)
        else:
            with out.open("w", encoding="utf-8", newline="") as written:
                count = write_text(rows, Format(form), written)
    except (TelemetryReadError, MissingLibrary, OSError) as error:
        _fail(str(error))
    click.echo(f"{count} decisions", err=True)


@command.command()
@click.argument("conversation", required=False)
@_file
@click.option("--texts", is_flag=True, help="Remove all that was said, nothing else.")
@click.option(
    "--rewrite/--no-rewrite",
    default=True,
    help="Without it, copies of rows that moved may stay in the file until it is.",
)
def purge(
    conversation: str | None, telemetry: Path | None, texts: bool, rewrite: bool
) -> None:
    """Remove every trace of a CONVERSATION and its sub-agents from the record.

    Then the file is rewritten: in a large one that takes minutes, in which no other
    process can write its records, and those that end lose what they have.
    """
    from openhands_tiered_router.record.telemetry.files import TelemetryReadError
    from openhands_tiered_router.record.telemetry.removal import (
        purge as removed,
        purge_texts,
    )

    if texts == (conversation is not None):
        raise click.UsageError("name one conversation, or --texts")
    path = _path(telemetry)
    try:
        if conversation is None:
            count = purge_texts(path, rewrite=rewrite)
            click.echo(f"Removed the texts of {count} calls")
            return
        found = removed(path, conversation, rewrite=rewrite)
    except TelemetryReadError as error:
        _fail(str(error))
    for name in found.set_aside:
        click.echo(f"{name} beside it was corrupt once; look there too", err=True)
    if not found.conversations:
        _fail(f"{path} has no conversation {conversation}; see --telemetry")
    click.echo(
        f"Removed {found.conversations} conversations, {found.decisions} decisions"
    )


def _path(telemetry: Path | None) -> Path:
    from openhands_tiered_router.record.telemetry.location import path_from

    path = telemetry or path_from(os.environ)
    if path is None:
        _fail("telemetry is off; name its file with --telemetry")
    return path


def _fail(text: str) -> NoReturn:
    click.echo(f"Error: {text}", err=True)
    sys.exit(UNUSABLE)
