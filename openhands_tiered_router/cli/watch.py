"""``tiered-router watch``: running conversations, live."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from openhands_tiered_router.cli.here import (
    Failure,
    Number,
    config_here,
    recorded,
    telemetry_option,
)
from openhands_tiered_router.pages import doc_page


if TYPE_CHECKING:
    from rich.console import Group

    from openhands_tiered_router.record.report.live import Live
    from openhands_tiered_router.record.telemetry.records import Call

_TURNS: Final = 12
_READ: Final = 100
"""Of other configurations and ended processes there may be some among them."""


@click.command(name="watch", epilog=f"\b\nMore: {doc_page('report')}")
@telemetry_option
@click.option(
    "--every",
    type=Number(0.2, 3_600),
    default=1.0,
    show_default=True,
    help="Seconds between looks.",
)
@click.option(
    "--config", "-c", metavar="FILE", help="Only what this configuration routes."
)
@click.option("--all", "anything", is_flag=True, help="What any configuration routes.")
@click.option("--once", is_flag=True, help="Look once, then end.")
@click.option("--json", "as_json", is_flag=True, help="A line of JSON a look.")
def command(
    telemetry: Path | None,
    every: float,
    config: str | None,
    anything: bool,
    once: bool,
    as_json: bool,
) -> None:
    """Watch running conversations: tiers, reasons, cost, budgets, breakers.

    Shows conversations whose process is alive, of the configuration that `run` would
    use here, if there is one. Reads the record only; Ctrl-C ends it. What is saved is
    an estimate; the page below says how it is made.

    \b
    Exit code:  0  ended
                2  the record cannot be read, or there is no such configuration
    """
    from openhands_tiered_router.record.telemetry.opening import TelemetryReadError

    path = recorded(telemetry)
    if config is not None and not Path(config).is_file():
        raise Failure(f"{config} does not exist")
    look = partial(_look, path, None if anything else config_here(config))
    try:
        if as_json:
            _lines(look, every, once)
        else:
            _live(look, every, once)
    except TelemetryReadError as error:
        raise Failure(str(error)) from None
    except KeyboardInterrupt:
        pass


type _Looked = tuple[Live, list[Call]]


def _look(path: Path, config: str | None) -> _Looked:
    from openhands_tiered_router.record.report.live import WITHIN, live
    from openhands_tiered_router.record.telemetry.query import TelemetryFile

    found = live(path, config=config)
    shown = {r.conversation_id for r in found.running}
    newest = TelemetryFile(path).newest(_READ, time.time() - WITHIN) if shown else []
    turns = [t for t in newest if t.conversation_id in shown]
    return found, turns[-_TURNS:]


def _lines(look: Callable[[], _Looked], every: float, once: bool) -> None:
    while True:
        found, turns = look()
        line = asdict(found) | {"turns": [_plain(t) for t in turns]}
        click.echo(json.dumps(line))
        if once:
            return
        time.sleep(every)


def _live(look: Callable[[], _Looked], every: float, once: bool) -> None:
    from rich.console import Console
    from rich.live import Live

    console = Console(highlight=False)
    if once:
        console.print(_view(*look()))
        return
    shown = _view(*look())
    with Live(shown, console=console, auto_refresh=False, screen=True) as live:
        while True:
            time.sleep(every)
            live.update(_view(*look()), refresh=True)


def _plain(turn: Call) -> dict[str, Any]:
    return {
        "decision": turn.id,
        "conversation": turn.conversation_id,
        "turn": turn.turn,
        "time": turn.time,
        "tier": turn.shown_tier,
        "reason": turn.decision.why,
        "cost_usd": turn.cost,
    }


def _view(found: Live, turns: list[Call]) -> Group:
    from rich.console import Group
    from rich.text import Text

    head = f"{datetime.now():%H:%M:%S}  today ${found.today:.2f}"
    if found.open_breakers:
        head += f"  not called now: {', '.join(found.open_breakers)}"
    parts: list[Any] = [Text(head, style="bold")]
    if not found.running:
        parts.append(Text("Nothing is running."))
    else:
        parts += [_conversations(found), Text(), _turns(turns)]
    return Group(*parts)


def _conversations(found: Live) -> Any:
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
            str(r.turn or "-"),
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

    from openhands_tiered_router.cli.bill import TIER_STYLES

    return Text.assemble(*((t[0], TIER_STYLES.get(t, "")) for t in tiers))


def _turns(turns: list[Call]) -> Any:
    from rich.table import Table
    from rich.text import Text

    from openhands_tiered_router.cli.bill import TIER_STYLES

    table = Table(box=None, pad_edge=False)
    for name in ("conversation", "turn", "tier", "USD", "reason"):
        table.add_column(name, no_wrap=name != "reason")
    for turn in reversed(turns):
        cost, tier = turn.cost, turn.shown_tier
        table.add_row(
            (turn.conversation_id or "?")[:8],
            str(turn.turn or "?"),
            Text(tier, style=TIER_STYLES.get(tier, "")),
            "?" if cost is None else f"{cost:.4f}",
            Text(turn.decision.why),
        )
    return table
