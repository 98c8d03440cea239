"""``tiered-router status``: one line for prompts and status bars."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click


if TYPE_CHECKING:
    from openhands_tiered_router.record.report.live import Live


@click.command(name="status")
@click.option(
    "--telemetry",
    type=click.Path(path_type=Path),
    help="File with the record; by default the one that routers write.",
)
@click.option(
    "--config", "-c", metavar="FILE", help="Only what this configuration routes."
)
@click.option("--all", "every", is_flag=True, help="What any configuration routes.")
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
def command(
    telemetry: Path | None, config: str | None, every: bool, as_json: bool
) -> None:
    """One line on what runs now and what it costs; reads the record only.

    Without --all it is about the configuration that `run` would use here, if there is
    one. Exits with 0 whatever happens, so that a prompt may use it.

    \b
    Examples:
      tiered-router status
      tiered-router status --all --json
    """
    from openhands_tiered_router.cli.here import config_here

    try:
        said, found = _status(telemetry, None if every else config_here(config))
    except Exception as error:  # noqa: BLE001  # a prompt must not break
        said, found = f"telemetry unreadable ({type(error).__name__})", None
    if as_json:
        answer: dict[str, Any] = {"line": said}
        click.echo(json.dumps(answer | (asdict(found) if found else {})))
    else:
        click.echo(said)


def _status(telemetry: Path | None, config: str | None) -> tuple[str, Live | None]:
    if telemetry is None:
        from openhands_tiered_router.record.telemetry.opening import path_from

        telemetry = path_from(os.environ)
    if telemetry is None:
        return "telemetry off", None
    if not telemetry.exists():
        return "nothing recorded yet", None
    from openhands_tiered_router.record.report.live import live

    found = live(telemetry, config=config)
    return _line(found), found


def _line(found: Live) -> str:
    parts: list[str] = []
    if found.running:
        last = found.running[0]
        known = last.cost or not last.unpriced
        cost = f"${last.cost:.4f}" if known else "cost not known"
        turn = "starting" if last.turn is None else f"{last.tier} turn {last.turn}"
        parts.append(f"{turn} {cost}")
        if last.instead_usd and known:
            share = 1 - last.cost / last.instead_usd
            side = "below" if share >= 0 else "above"
            parts.append(f"est. {abs(share):.0%} {side} always {last.instead}")
        if len(found.running) > 1:
            parts.append(f"{len(found.running)} running")
        if last.budget:
            parts.append(f"budget: {last.budget}")
    else:
        parts.append("idle")
    if found.open_breakers:
        parts.append(f"not called now: {', '.join(found.open_breakers)}")
    return " | ".join([*parts, f"today ${found.today:.2f}"])
