"""``tiered-router run --sandbox``: what is shown of it."""

from __future__ import annotations

import json
from typing import Any

import click

from openhands_tiered_router.cli.served import ServedReporter
from openhands_tiered_router.config import ConfigError
from openhands_tiered_router.redaction import visible
from openhands_tiered_router.resolver.ending import EXIT_ERROR, EXIT_USAGE
from openhands_tiered_router.resolver.errors import ResolveError, UsageProblem
from openhands_tiered_router.resolver.sandbox.run import Request, Result, run


def run_there(request: Request, *, as_json: bool) -> int:
    """Runs the agent in the sandbox, shows what came of it; returns the exit code."""
    reporter = ServedReporter(as_json=as_json)
    try:
        result = run(request, reporter)
    except (ConfigError, ResolveError) as error:
        click.echo(f"Error: {error}", err=True)
        wrong = isinstance(error, ConfigError | UsageProblem)
        return EXIT_USAGE if wrong else EXIT_ERROR
    _show(result, reporter, as_json=as_json)
    if result.problem:
        click.echo(f"Error: {result.problem}", err=True)
    return result.exit_code


def _show(result: Result, reporter: ServedReporter, *, as_json: bool) -> None:
    verification: dict[str, str] | None = None
    if result.done.verification:
        word = "verified" if result.done.verified else "unverified"
        verification = {"status": word, "reason": result.done.verification}
    if as_json:
        line: dict[str, Any] = {
            "type": "end",
            "status": result.done.status,
            "exit_code": result.exit_code,
            "conversation": str(result.place.conversation),
            "cost_usd": result.done.usd,
            "tiers": {name: cost.calls for name, cost in result.done.tiers.items()},
            "verification": verification,
            "sandbox": str(result.place.sandbox),
            "changed": list(result.changed),
        }
        click.echo(json.dumps(line))
        return
    reporter.end_served(result.done)
    if verification is not None:
        click.echo(": ".join(verification.values()))
    click.echo(f"Changed here: {', '.join(map(visible, result.changed)) or 'nothing'}")
    if result.done.status in ("paused", "error"):
        again = f"tiered-router run --resume {result.place.conversation}"
        click.echo(f"{result.done.status.title()}. Go on with: {again}")
