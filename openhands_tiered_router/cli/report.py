"""``tiered-router report``: what routing cost and saved, from the record."""

from __future__ import annotations

import json
import math
import os
import re
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import click


if TYPE_CHECKING:
    from openhands_tiered_router.record.report.budgets import BudgetLeft

UNUSABLE: Final = 2

_UNITS: Final = {"h": 3_600.0, "d": 86_400.0, "w": 604_800.0}

_MISROUTES: Final = 50

_SHORT: Final = 1.0
"""Seconds for which nobody needs to be told what takes them."""

type LatencyBy = Literal["tier", "endpoint", "day"]

LATENCY_BY: Final[tuple[LatencyBy, ...]] = ("tier", "endpoint", "day")


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


@click.command(name="report")
@click.option(
    "--since",
    type=_Since(),
    default="7d",
    show_default=True,
    help="From when on: 12h, 7d, 4w, or a date such as 2026-05-01.",
)
@click.option("--conversation", metavar="ID", help="Only this one, of any time.")
@click.option(
    "--html",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write a page with plots; it needs no network.",
)
@click.option(
    "--latency-by",
    type=click.Choice(LATENCY_BY),
    multiple=True,
    default=["tier"],
    show_default=True,
    help="What percentiles are told apart by; a page and JSON have all of them.",
)
@click.option("--config", help="Configuration whose budgets are shown; optional.")
@click.option("--misroutes", is_flag=True, help="List misrouted turns, worst first.")
@click.option(
    "--telemetry",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File with the record; by default the one that routers write.",
)
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
def command(
    since: float,
    conversation: str | None,
    html: Path | None,
    latency_by: tuple[LatencyBy, ...],
    config: str | None,
    misroutes: bool,
    telemetry: Path | None,
    as_json: bool,
) -> None:
    """Tell what routing cost and saved, where it was wrong, what broke.

    Comparisons are estimates; the page and docs/report.md say how they are made.

    \b
    Exit code:  0  done, also when nothing is on record
                2  the record or the configuration cannot be read, or the page not
                   be written
    """
    from openhands_tiered_router.record.report.build import (
        UnknownConversationError,
        build,
    )
    from openhands_tiered_router.record.telemetry.query import TelemetryReadError

    path = telemetry or _recorded()
    budgets = None if config is None else _budgets(config, conversation)
    try:
        _judge(path)
        report = build(
            path,
            since=0.0 if conversation else since,
            conversation_id=conversation,
            misrouted=_MISROUTES if misroutes or as_json else 10,
            latency_by=LATENCY_BY if html or as_json else latency_by,
            budgets=budgets,
        )
    except (TelemetryReadError, UnknownConversationError) as error:
        raise _Failure(str(error)) from None
    if html is not None:
        _write(html, report)
    if as_json:
        from openhands_tiered_router.record.report.plain import plain

        click.echo(json.dumps(plain(report), indent=1))
        return
    from rich.console import Console

    from openhands_tiered_router.record.report.terminal import show, show_misroutes

    console = Console(highlight=False)
    if misroutes:
        show_misroutes(console, report, telemetry)
    else:
        show(console, report, latency_by)
    if html is not None:
        click.echo(f"Page: {html}")


def _budgets(config: str, conversation: str | None) -> tuple[BudgetLeft, ...]:
    from openhands_tiered_router.config import ConfigError
    from openhands_tiered_router.record.report.budgets import budgets_left

    try:
        return budgets_left(config, conversation)
    except ConfigError as error:
        raise _Failure(str(error)) from None


def _judge(path: Path) -> None:
    """Judges what is new, and shows how far it is if that takes long."""
    from openhands_tiered_router.record.telemetry.assess import assess

    if not assess(path, _SHORT).left:
        return
    from rich.console import Console
    from rich.progress import Progress

    with (
        suppress(KeyboardInterrupt),
        Progress(console=Console(stderr=True), transient=True) as progress,
    ):
        task = progress.add_task("Judging new turns; Ctrl-C: go on without the rest")
        assess(
            path,
            told=lambda done, whole: progress.update(task, completed=done, total=whole),
            max_seconds=math.inf,
        )


def _recorded() -> Path:
    from openhands_tiered_router.record.telemetry.location import path_from

    path = path_from(os.environ)
    if path is None:
        raise _Failure("telemetry is off; name its file with --telemetry")
    return path


def _write(html: Path, report: Any) -> None:
    from openhands_tiered_router.record.report.html import page

    try:
        html.write_text(page(report), "utf-8")
    except OSError as error:
        raise _Failure(f"{html}: cannot be written: {error.strerror}") from None


class _Failure(click.ClickException):
    exit_code = UNUSABLE
