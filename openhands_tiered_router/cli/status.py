"""``tiered-router status``: one line for prompts and status bars."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click


if TYPE_CHECKING:
    from openhands_tiered_router.record.report.now import Now


@click.command(name="status")
@click.option(
    "--telemetry",
    type=click.Path(path_type=Path),
    help="File with the record; by default the one that routers write.",
)
def command(telemetry: Path | None) -> None:
    """One line on what runs and what it costs; reads the record only.

    Exits with 0 whatever happens, so that a prompt may use it.
    """
    try:
        said = _status(telemetry)
    except Exception as error:  # noqa: BLE001  # a prompt must not break
        said = f"telemetry unreadable ({type(error).__name__})"
    click.echo(said)


def _status(telemetry: Path | None) -> str:
    if telemetry is None:
        from openhands_tiered_router.record.telemetry.location import path_from

        telemetry = path_from(os.environ)
    if telemetry is None:
        return "telemetry off"
    if not telemetry.exists():
        return "no telemetry"
    from openhands_tiered_router.record.report.now import now

    return _line(now(telemetry))


def _line(found: Now) -> str:
    parts: list[str] = []
    if found.running:
        last = found.running[0]
        parts.append(f"{last.tier or '?'} turn {last.turn} ${last.cost:.4f}")
        if last.instead_usd:
            share = 1 - last.cost / last.instead_usd
            parts.append(f"est. {share:.0%} below always {last.instead}")
        if len(found.running) > 1:
            parts.append(f"{len(found.running)} running")
        if last.budget:
            parts.append(f"budget: {last.budget}")
    else:
        parts.append("idle")
    if found.open_breakers:
        parts.append(f"open: {', '.join(found.open_breakers)}")
    return " | ".join([*parts, f"today ${found.today:.2f}"])
