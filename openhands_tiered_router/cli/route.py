"""``tiered-router route``: decide for messages on standard input."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TextIO

import click

from openhands_tiered_router.plural import counted


if TYPE_CHECKING:
    from openhands_tiered_router.cli.deciding import Decider

BAD_LINES: Final = 2

_EPILOG: Final = """\b
Input, one JSON object a line:
  {"id": "a", "messages": [{"role": "user", "content": "Hello"}],
   "tools": [...], "workspace": "/path"}      tools and workspace are optional
Output, one line each, in the same order:
  {"id": "a", "tier": "simple", "score": 0.21, "ms": 0.1, "reasons": [...]}

\b
Example:
  echo '{"id": 1, "messages": [{"role": "user", "content": "Hi"}]}' | \\
    tiered-router route

\b
Exit code:  0  every line was answered
            2  some lines were not (standard error says which), or the
               configuration cannot be used
"""


@click.command(name="route", epilog=_EPILOG)
@click.option(
    "--config",
    "-c",
    "path",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Configuration file; else looked for as usual, and if there is none, four "
    "tiers with the default limits.",
)
@click.pass_context
def command(context: click.Context, path: Path | None) -> None:
    """Decide which tier serves each request on standard input.

    Calls no model and needs no key. ms: the time of the decision alone.
    """
    from openhands_tiered_router.cli.deciding import DecidingError, decider

    try:
        deciding = decider(path)
    except DecidingError as error:
        click.echo(f"error: {error}", err=True)
        context.exit(BAD_LINES)
    # Bytes that are not UTF-8 spoil their own line only.
    sys.stdin.reconfigure(encoding="utf-8", errors="replace")  # pyright: ignore[reportAttributeAccessIssue]
    bad = _answer_all(deciding, sys.stdin, sys.stdout)
    if bad:
        click.echo(f"not answered: {counted(bad, 'line')}", err=True)
        context.exit(BAD_LINES)


def _answer_all(deciding: Decider, lines: TextIO, out: TextIO) -> int:
    """Answers line by line, so that a waiting reader sees each at once.

    Returns:
        How many lines could not be answered.
    """
    bad = 0
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            answer = _answer(deciding, line)
        except ValueError as error:
            bad += 1
            click.echo(f"line {number}: {error}", err=True)
            continue
        out.write(json.dumps(answer) + "\n")
        out.flush()
    return bad


def _answer(deciding: Decider, line: str) -> dict[str, Any]:
    """The answer to one line.

    Raises:
        ValueError: The line is no request; says what is wrong with it.
    """
    try:
        request = json.loads(line)
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"is no JSON: {error}") from None
    if not isinstance(request, Mapping):
        raise ValueError("expected an object with id and messages")
    if "id" not in request:
        raise ValueError("id: is missing; give each line one, which its answer repeats")
    decision, seconds = deciding.decide(
        messages=request.get("messages"),
        tools=request.get("tools"),
        workspace=request.get("workspace"),
    )
    return {
        "id": request["id"],
        "tier": str(decision.tier),
        "way": [str(tier) for tier in decision.way or (decision.tier,)],
        "score": round(decision.score, 4),
        "ms": round(seconds * 1e3, 4),
        "reasons": [f"{reason.rule}: {reason.text}" for reason in decision.reasons],
    }
