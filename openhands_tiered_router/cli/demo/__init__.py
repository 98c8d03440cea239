"""``tiered-router demo``: a real agent, offline, with recorded answers."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click


if TYPE_CHECKING:
    from openhands_tiered_router.calls.fleet import RoutedCall
    from openhands_tiered_router.cli.demo.run import DemoResult


FEWEST_TIERS: Final = 3
"""A demo of routing that used fewer has shown too little."""
BOOKS_TOLERANCE: Final = 1e-9
"""USD by which two books may differ: rounding of sums, nothing more."""
NOTES: Final = """\
The answers are recorded: this shows routing and money, not how good a model is.
Prices: gpt-4.1-nano, gpt-4.1-mini, claude-sonnet-4-5, claude-opus-4-5; a token
is four characters. "Instead of" is an estimate: the same words on the
complex tier alone, the beginning of each prompt read from its cache."""


@click.command(
    epilog="""\b
Examples:
  tiered-router demo
  tiered-router demo --keep                look at the files afterwards
\b
Exit codes:
  0  the project's tests pass, three tiers or more served, and the SDK's books
     agree with the provider's
  1  anything else
"""
)
@click.option("--keep", is_flag=True, help="Keep project, configuration and telemetry.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, at the end.")
def command(keep: bool, as_json: bool) -> None:
    """Watch an agent fix a failing test, offline and without keys.

    Agent, tools, router, litellm, HTTP and files are real. The models are a provider
    on this machine that answers from a recording.
    """
    os.environ.setdefault("OPENHANDS_SUPPRESS_BANNER", "1")
    os.environ.setdefault("LOG_LEVEL", "ERROR")
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # nothing from the network
    with _directory(keep) as directory:
        try:
            result = _run(directory, as_json)
        except Exception as error:
            problem = f"the demo failed: {type(error).__name__}: {error}"
            if as_json:
                click.echo(json.dumps({"ok": False, "problems": [problem]}))
            click.echo(problem, err=True)
            sys.exit(1)
        problems = problems_of(result)
        from openhands_tiered_router.cli.demo.longer import replay_longer

        longer = replay_longer()
        if as_json:
            kept = str(directory) if keep else None
            found = as_object(result, kept) | {"longer": asdict(longer)}
            click.echo(json.dumps(found, indent=2))
        else:
            from openhands_tiered_router.cli.demo.shown import summary

            click.echo(summary(result, longer, problems))
            if keep:
                click.echo(f"Kept in {directory}")
    sys.exit(1 if problems else 0)


@contextmanager
def _directory(keep: bool) -> Iterator[Path]:
    prefix = "tiered-router-demo-"
    if keep:
        yield Path(tempfile.mkdtemp(prefix=prefix))
        return
    with tempfile.TemporaryDirectory(
        prefix=prefix, ignore_cleanup_errors=True
    ) as directory:
        yield Path(directory)


def _run(directory: Path, as_json: bool) -> DemoResult:
    from openhands_tiered_router.cli.demo.run import run_demo
    from openhands_tiered_router.cli.demo.shown import Shown
    from openhands_tiered_router.cli.turns import Reporter

    with Reporter(as_json=as_json).waiting("Loading the OpenHands SDK"):
        import openhands.sdk  # noqa: F401
        import openhands.tools  # noqa: F401
    return run_demo(directory, observers=() if as_json else (Shown(),))


def problems_of(result: DemoResult) -> list[str]:
    """Why the run does not count as a success; empty if it does."""
    problems = []
    if result.before.passed:
        problems.append("the project's tests passed before the agent came")
    if not result.after.passed:
        problems.append("the project's tests do not pass")
    if len(result.tiers) < FEWEST_TIERS:
        problems.append(f"only {len(result.tiers)} tiers served")
    if abs(result.booked - result.charged) > BOOKS_TOLERANCE:
        problems.append(
            f"the SDK booked ${result.booked:.6f}, "
            f"the provider charged ${result.charged:.6f}"
        )
    return problems


def as_object(result: DemoResult, kept: str | None) -> dict[str, Any]:
    """The result for ``--json``. Money in USD."""
    return {
        "ok": not problems_of(result),
        "problems": problems_of(result),
        "tests_before": {"passed": result.before.passed, "ran": result.before.ran},
        "tests_after": {"passed": result.after.passed, "ran": result.after.ran},
        "tiers": [str(t) for t in result.tiers],
        "turns": [_turn(c) for c in result.calls],
        "booked_usd": result.booked,
        "charged_usd": result.charged,
        "cold_usd": result.cold,
        "fix": {
            "turns": result.fix,
            "usd": sum(c.outcome.cost or 0.0 for c in result.calls[: result.fix]),
            "alone_usd": sum(result.alone[: result.fix]),
        },
        "alone_usd": {"complex": sum(result.alone)},
        "kept_in": kept,
    }


def _turn(call: RoutedCall) -> dict[str, Any]:
    usage = call.outcome.usage
    return {
        "turn": call.turn + 1,
        "decided": str(call.decision.tier),
        "tier": str(call.tier),
        "endpoint": call.outcome.endpoint,
        "reasons": [r.text for r in call.decision.reasons],
        "failed_attempts": [
            {"endpoint": a.endpoint, "error": a.error}
            for a in call.outcome.attempts
            if a.error
        ],
        "prompt_tokens": usage.prompt,
        "cached_tokens": usage.cache_read,
        "output_tokens": usage.completion,
        "usd": call.outcome.cost,
        "decision_ms": round(call.overhead * 1000, 3),
    }
