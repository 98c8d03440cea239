"""``tiered-router explain``: show how a decision comes about."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from openhands_tiered_router.cli.here import telemetry_option


if TYPE_CHECKING:
    from openhands_tiered_router.policy.decision import Decision, Dimension

UNUSABLE: Final = 2

_EPILOG: Final = """\b
Examples:
  tiered-router explain "Prove that the square root of 2 is irrational"
  tiered-router explain --task "Fix the crash on an empty file"
  tiered-router explain --task --workspace . < issue.md
  tiered-router explain --messages conversation.json --json
  tiered-router explain --decision 01JX5V2K8T

\b
Exit code:  0  explained
            2  there is nothing to explain, or it cannot be read
"""


@dataclass(frozen=True, slots=True)
class _Source:
    """What is to be explained: a text, or one of the others."""

    text: str | None
    is_task: bool
    messages: Path | None
    decision: str | None
    telemetry: Path | None


@click.command(name="explain", epilog=_EPILOG)
@click.argument("text", required=False)
@click.option(
    "--task",
    "is_task",
    is_flag=True,
    help="TEXT is a task for an agent, whose instructions and tools (8,000 tokens) "
    "come with it, not a question to a model.",
)
@click.option(
    "--messages",
    "-m",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help='JSON file: a list of chat messages, or {"messages", "tools", "workspace"}.',
)
@click.option("--decision", "-d", metavar="ID", help="A recorded decision.")
@telemetry_option
@click.option(
    "--workspace",
    "-w",
    type=click.Path(exists=True, file_okay=False),
    help="Directory of the code: its graph takes part.",
)
@click.option(
    "--config",
    "-c",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Configuration file; else looked for as usual, and if there is none, four "
    "tiers with the default limits.",
)
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
@click.pass_context
def command(
    context: click.Context,
    text: str | None,
    is_task: bool,
    messages: Path | None,
    decision: str | None,
    telemetry: Path | None,
    workspace: str | None,
    config: Path | None,
    as_json: bool,
) -> None:
    """Show how a decision comes about: dimensions, candidates, reasons.

    Explains TEXT, standard input, a file of messages, or a decision
    recorded. Calls no model.
    """
    source, said = _Source(text, is_task, messages, decision, telemetry), {}
    try:
        if decision is not None:
            found, said = _recorded(source)
        else:
            found = _decided(source, workspace, config)
    except ValueError as error:
        click.echo(f"error: {error}", err=True)
        context.exit(UNUSABLE)
    if as_json:
        plain = _plain(found) | said
        click.echo(json.dumps(plain, ensure_ascii=False, indent=1))
        return
    _show(found)
    for name, words in said.items():
        click.echo(f"\n{name}:\n{words}")


def _decided(source: _Source, workspace: str | None, config: Path | None) -> Decision:
    from openhands_tiered_router.cli.deciding import DecidingError, decider

    request = _request(source)
    if workspace is not None:
        request["workspace"] = workspace
    try:
        deciding = decider(config)
    except DecidingError as error:
        raise ValueError(str(error)) from None
    decision, _ = deciding.decide(
        messages=request.get("messages"),
        tools=request.get("tools"),
        workspace=request.get("workspace"),
        is_task=source.is_task,
    )
    return decision


def _request(source: _Source) -> dict[str, Any]:
    if source.messages is None:
        text = sys.stdin.read() if source.text in (None, "-") else source.text
        if not text or not text.strip():
            raise ValueError("there is no text to explain; see --help")
        return {"messages": [{"role": "user", "content": text}]}
    try:
        raw = json.loads(source.messages.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"{source.messages}: cannot be read: {error}") from None
    if isinstance(raw, list):
        return {"messages": raw}
    if not isinstance(raw, dict):
        raise ValueError(f"{source.messages}: expected a list of messages or an object")
    return raw


def _recorded(source: _Source) -> tuple[Decision, dict[str, str]]:
    """A decision, and what was said then if texts are recorded."""
    from openhands_tiered_router.record.telemetry.opening import (
        TelemetryReadError,
        find_id,
        path_from,
        standard_path,
    )
    from openhands_tiered_router.record.telemetry.query import TelemetryFile

    path = source.telemetry or path_from(os.environ) or standard_path()
    file = TelemetryFile(path)
    try:
        found = find_id(path, source.decision or "", "decisions")
        turn, said = file.decision(found), file.texts(found)
    except TelemetryReadError as error:
        raise ValueError(str(error)) from None
    if turn is None:
        raise ValueError(f"{path}: holds no decision {source.decision}")
    return turn.decision, said


def _plain(decision: Decision) -> dict[str, Any]:
    plain = asdict(decision)
    for key in ("tier", "required", "floor", "cap"):
        plain[key] = None if plain[key] is None else str(plain[key])
    for candidate in plain["candidates"]:
        candidate["tier"] = str(candidate["tier"])
    for candidate, known in zip(plain["candidates"], decision.candidates, strict=True):
        candidate["total"] = known.total
    for dimension in plain["dimensions"]:
        dimension["contribution"] = dimension["value"] * dimension["weight"]
    return plain


def _show(decision: Decision) -> None:
    from rich.console import Console
    from rich.markup import escape

    console = Console(highlight=False)
    same = decision.required == decision.tier
    required = "" if same else f" (required: {decision.required})"
    why = f": {escape(decision.why)}" if decision.why else ""
    console.print(f"[bold]{decision.tier}[/bold]{required}{why}\n")
    console.print(_candidates(decision))
    console.print("\nWhat each rule said, in their order:")
    for reason in decision.reasons:
        console.print(f"  {escape(reason.rule)}: {escape(reason.text)}")
    if decision.dimensions:
        console.print(f"\nThe task's score, {decision.score:.3f}, is made of:")
        console.print(_dimensions(decision))
        idle = [d.name for d in decision.dimensions if not _adds(d)]
        if idle:
            console.print(f"These add nothing: {', '.join(idle)}.", style="dim")


def _dimensions(decision: Decision) -> Any:
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column("dimension")
    for name in ("value", "weight", "adds"):
        table.add_column(name, justify="right")
    table.add_column("seen")
    added = 0.0
    for d in decision.dimensions:
        adds = d.value * d.weight
        added += adds
        if not _adds(d):
            continue
        numbers = (f"{d.value:.2f}", f"{d.weight:.3f}", f"{adds:+.3f}")
        table.add_row(d.name, *numbers, escape(d.evidence))
    base = f"{decision.score - added:+.3f}"
    if base not in ("+0.000", "-0.000"):
        table.add_row("base", "", "", base, "before any dimension; then cut to 0..1")
    return table


def _adds(dimension: Dimension) -> bool:
    """Whether it can be seen in the sum, at three digits."""
    return round(abs(dimension.value * dimension.weight), 3) > 0


def _candidates(decision: Decision) -> Any:
    from rich.markup import escape
    from rich.table import Table

    table = Table(
        box=None, pad_edge=False, caption=_choice(decision), caption_justify="left"
    )
    for name in ("endpoint", "tier"):
        table.add_column(name)
    # A text alone has no turns to weigh: its score decides.
    weighed = any(c.cost_now is not None for c in decision.candidates)
    for name in ("USD: tokens", "later", "at risk", "total") if weighed else ():
        table.add_column(name, justify="right")
    table.add_column("left out because")
    for c in decision.candidates:
        mark = " *" if c.endpoint == decision.endpoint else ""
        costs = (c.cost_now, c.cost_return, c.loss, c.total) if weighed else ()
        table.add_row(
            escape(c.endpoint) + mark,
            str(c.tier),
            *map(_usd, costs),
            escape(c.excluded or ""),
        )
    return table


def _choice(decision: Decision) -> str | None:
    """How the totals bear on the choice; ``None``: there are none."""
    totals = {
        c.endpoint: c.total
        for c in decision.candidates
        if c.total is not None and not c.excluded
    }
    if decision.endpoint not in totals:
        return None
    if totals[decision.endpoint] == min(totals.values()):
        return "* chosen: the least total of tokens, what follows, and success at risk"
    return "* chosen, though not the least total: the reasons below say why"


def _usd(cost: float | None) -> str:
    return "?" if cost is None else f"{cost:.6f}"
