"""``tiered-router report``: what was spent, on what, and was it well spent."""

from __future__ import annotations

import math
import re
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from openhands_tiered_router.cli.here import (
    Failure,
    config_file,
    recorded,
    telemetry_option,
    write_page,
)
from openhands_tiered_router.pages import doc_page


if TYPE_CHECKING:
    from openhands_tiered_router.record.metrics.sources import BudgetLeft
    from openhands_tiered_router.record.report.build import Report

_UNITS: Final = {"h": 3_600.0, "d": 86_400.0, "w": 604_800.0}

_LISTED: Final = 50
"""Conversations or misrouted turns in a list."""

_ON_PAGE: Final = 200

_SHORT: Final = 1.0
"""Seconds of judging without a word."""

_EPILOG: Final = f"""\b
Examples:
  tiered-router report
  tiered-router report --since 4w --config tiered-router.toml
  tiered-router report --conversation 1f0c0c62 --details
  tiered-router report --misroutes
  tiered-router report --html report.html

\b
Exit code:  0  done, also when nothing was recorded
            2  the record or the configuration cannot be read, or the page not
               be written

\b
More: {doc_page("report")}
"""


class _Since(click.ParamType):
    """``7d``, ``12h``, ``2w`` back from now, or a date."""

    name = "time"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        from datetime import datetime

        if isinstance(value, float):
            return value
        if match := re.fullmatch(r"(\d{1,6})([hdw])", value):
            return time.time() - int(match[1]) * _UNITS[match[2]]
        try:
            return datetime.fromisoformat(value).timestamp()
        except ValueError:
            self.fail(f"{value!r} is neither like 7d or 12h nor a date", param, ctx)


@click.command(name="report", epilog=_EPILOG)
@click.option(
    "--since",
    type=_Since(),
    default="7d",
    show_default=True,
    help="From when on: 12h, 7d, 4w, or a date such as 2026-05-01.",
)
@click.option(
    "--conversation", metavar="ID", help="Only this one, by the beginning of its id."
)
@click.option(
    "--html",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write a page with every conversation's turns; it needs no network.",
)
@click.option(
    "--config",
    "-c",
    metavar="FILE",
    help="Show what is left of this configuration's budgets; the page takes the one "
    "that `run` would use here.",
)
@click.option("--details", is_flag=True, help="Add comparisons, guards, latencies.")
@click.option("--conversations", is_flag=True, help="List the latest conversations.")
@click.option(
    "--misroutes",
    is_flag=True,
    help="List turns on the wrong tier, too weak ones first.",
)
@telemetry_option
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
def command(
    since: float,
    conversation: str | None,
    html: Path | None,
    config: str | None,
    details: bool,
    conversations: bool,
    misroutes: bool,
    telemetry: Path | None,
    as_json: bool,
) -> None:
    """Tell what was spent, on what, and whether it was well spent.

    What another model would have cost is an estimate; the page below says how it
    is made.
    """
    from openhands_tiered_router.record.report.build import build
    from openhands_tiered_router.record.telemetry.opening import (
        TelemetryReadError,
        UnknownIdError,
        find_id,
    )

    path, listing = recorded(telemetry), conversations or misroutes
    if telemetry is not None and not path.exists():
        raise Failure(f"{path} does not exist")
    try:
        if conversation is not None:
            conversation = find_id(path, conversation, "conversations")
        budgets = None if config is None else _budgets(config, conversation)
        if config is None and html is not None:
            budgets = _budgets_here(conversation)
        _judge(path)
        report = build(
            path,
            since=0.0 if conversation else since,
            conversation_id=conversation,
            most=_ON_PAGE if html else _LISTED if listing or as_json else 0,
            details=details or as_json or html is not None,
            budgets=budgets,
        )
        if html is not None:
            _write(html, path, report)
    except (TelemetryReadError, UnknownIdError) as error:
        raise Failure(str(error)) from None
    if as_json:
        import msgspec

        # Infinite times, which JSON does not have, become null.
        click.echo(msgspec.json.format(msgspec.json.encode(report), indent=1).decode())
        return
    _show(report, conversations, misroutes, details, telemetry)
    if html is not None:
        click.echo(f"Page: {html}")


def _show(
    report: Report,
    conversations: bool,
    misroutes: bool,
    details: bool,
    telemetry: Path | None,
) -> None:
    from rich.console import Console

    from openhands_tiered_router.record.report import terminal

    console = Console(highlight=False)
    if conversations:
        terminal.show_conversations(console, report)
    elif misroutes:
        terminal.show_misroutes(console, report, telemetry)
    else:
        terminal.show(console, report)
        if details and report.whole["calls"]:
            terminal.show_details(console, report)


def _budgets(config: str, conversation: str | None) -> tuple[BudgetLeft, ...]:
    from openhands_tiered_router.config import ConfigError, open_config
    from openhands_tiered_router.sdk.budgets_left import budgets_left

    try:
        read = open_config(config)
    except ConfigError as error:
        raise Failure(str(error)) from None
    return tuple(budgets_left(read.budgets, read.state, conversation, shared_only=True))


def _budgets_here(conversation: str | None) -> tuple[BudgetLeft, ...] | None:
    """Of the configuration that `run` would use here; ``None``: none can be used."""
    found = config_file()
    with suppress(Failure):
        return None if found is None else _budgets(str(found), conversation)
    return None


def _judge(path: Path) -> None:
    """Judges what is new, and shows how far it is if that takes long."""
    from openhands_tiered_router.record.telemetry.judging import assess

    if not assess(path, _SHORT).left:
        return
    from openhands_tiered_router.cli.graph_common import progress

    what = "Judging new turns; Ctrl-C: go on without the rest"
    with suppress(KeyboardInterrupt), progress(what) as told:
        assess(path, progress=told, max_seconds=math.inf)


def _write(html: Path, path: Path, report: Report) -> None:
    from openhands_tiered_router.record.report.html import page

    write_page(html, page(report, path))
