"""``tiered-router watch``: running conversations, live."""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click


if TYPE_CHECKING:
    from rich.console import Group

    from openhands_tiered_router.record.report.now import Now
    from openhands_tiered_router.record.telemetry.query import Turn

UNUSABLE: Final = 2

_TURNS: Final = 12


@click.command(name="watch")
@click.option(
    "--telemetry",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File with the record; by default the one that routers write.",
)
@click.option(
    "--every",
    type=click.FloatRange(0.2, 3_600),
    default=1.0,
    show_default=True,
    help="Seconds between looks.",
)
@click.option(
    "--within",
    type=click.FloatRange(1),
    default=600.0,
    show_default=True,
    help="Seconds without a record after which a conversation is left out.",
)
@click.option("--once", is_flag=True, help="Look once, then end.")
@click.option("--json", "as_json", is_flag=True, help="A line of JSON a look.")
@click.pass_context
def command(
    context: click.Context,
    telemetry: Path | None,
    every: float,
    within: float,
    once: bool,
    as_json: bool,
) -> None:
    """Watch running conversations: tiers, reasons, cost, budgets, breakers.

    Reads the record only; Ctrl-C ends it. What is saved is an estimate, made as
    docs/report.md says.

    \b
    Exit code:  0  ended
                2  the record cannot be read
    """
    from openhands_tiered_router.record.telemetry.files import TelemetryReadError
    from openhands_tiered_router.record.telemetry.location import path_from

    path = telemetry or path_from(os.environ)
    if path is None:
        click.echo("Error: telemetry is off; name its file with --telemetry", err=True)
        context.exit(UNUSABLE)
    try:
        if as_json:
            _lines(path, every, within, once)
        else:
            _live(path, every, within, once)
    except TelemetryReadError as error:
        click.echo(f"Error: {error}", err=True)
        context.exit(UNUSABLE)
    except KeyboardInterrupt:
        pass


def _look(path: Path, within: float) -> tuple[Now, list[Turn]]:
    from openhands_tiered_router.record.report.now import now
    from openhands_tiered_router.record.telemetry.query import TelemetryFile

    return now(path, within), TelemetryFile(path).newest(_TURNS, time.time() - within)


def _lines(path: Path, every: float, within: float, once: bool) -> None:
    while True:
        found, turns = _look(path, within)
        line = asdict(found) | {"turns": [_plain(t) for t in turns]}
        click.echo(json.dumps(line))
        if once:
            return
        time.sleep(every)


def _live(path: Path, every: float, within: float, once: bool) -> None:
    from rich.console import Console
    from rich.live import Live

    console = Console(highlight=False)
    if once:
        console.print(_view(*_look(path, within)))
        return
    shown = _view(*_look(path, within))
    with Live(shown, console=console, auto_refresh=False, screen=True) as live:
        while True:
            time.sleep(every)
            live.update(_view(*_look(path, within)), refresh=True)


def _plain(turn: Turn) -> dict[str, Any]:
    return {
        "decision": turn.decision_id,
        "conversation": turn.conversation_id,
        "turn": turn.turn,
        "time": turn.time,
        "tier": _tier(turn),
        "reason": _reason(turn),
        "cost_usd": turn.outcome.cost if turn.outcome else None,
    }


def _tier(turn: Turn) -> str | None:
    tier = turn.served_tier
    if tier is None and turn.decision is not None:
        tier = turn.decision.tier
    return None if tier is None else str(tier)


def _reason(turn: Turn) -> str:
    reasons = turn.decision.reasons if turn.decision else ()
    return reasons[-1].text if reasons else ""


def _view(found: Now, turns: list[Turn]) -> Group:
    from rich.console import Group
    from rich.text import Text

    breakers = ", ".join(found.open_breakers) or "none"
    head = f"{datetime.now():%H:%M:%S}  today ${found.today:.2f}  open breakers: "
    parts: list[Any] = [Text(head + breakers, style="bold")]
    if not found.running:
        parts.append(Text("Nothing runs."))
    else:
        parts += [_conversations(found), Text(), _turns(turns)]
    return Group(*parts)


def _conversations(found: Now) -> Any:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    names = ("conversation", "turn", "tiers", "floor", "USD", "saved (est.)", "budget")
    for name in names:
        table.add_column(name, justify="right" if name == "USD" else "left")
    for r in found.running:
        saved = "?"
        if r.instead_usd:
            saved = f"{1 - r.cost / r.instead_usd:.0%} of always {r.instead}"
        table.add_row(
            r.conversation_id[:8],
            str(r.turn),
            _strip(r.tiers),
            r.floor or "-",
            f"{r.cost:.4f}",
            saved,
            Text(r.budget or "-"),
        )
    return table


def _strip(tiers: tuple[str, ...]) -> Any:
    """A letter a turn, oldest first."""
    from rich.text import Text

    from openhands_tiered_router.cli.turns import TIER_STYLES

    return Text.assemble(*((t[0], TIER_STYLES[t]) for t in tiers))


def _turns(turns: list[Turn]) -> Any:
    from rich.table import Table
    from rich.text import Text

    from openhands_tiered_router.cli.turns import TIER_STYLES

    table = Table(box=None, pad_edge=False)
    for name in ("conversation", "turn", "tier", "USD", "reason"):
        table.add_column(name, no_wrap=name != "reason")
    for turn in reversed(turns):
        cost = turn.outcome.cost if turn.outcome else None
        tier = _tier(turn) or "?"
        table.add_row(
            (turn.conversation_id or "?")[:8],
            str(turn.turn),
            Text(tier, style=TIER_STYLES.get(tier, "")),
            "?" if cost is None else f"{cost:.4f}",
            Text(_reason(turn)),
        )
    return table
