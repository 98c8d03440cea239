"""Resolving an issue with its progress on a terminal, and showing what came of it."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click


if TYPE_CHECKING:
    from openhands_tiered_router.resolver.run import Request, Result


def resolve(request: Request, *, as_json: bool, show_patch: bool = False) -> int:
    """Resolves, shows what came of it, and returns the exit code.

    Args:
        request: What to resolve, and how.
        as_json: Print JSON lines.
        show_patch: Print the patch rather than where results are.
    """
    from openhands_tiered_router.cli.served import ServedReporter
    from openhands_tiered_router.config import ConfigError
    from openhands_tiered_router.resolver import ending, errors, run

    try:
        result = run.resolve(request, ServedReporter(as_json=as_json))
    except (ConfigError, errors.ResolveError) as error:
        click.echo(f"Error: {error}", err=True)
        if isinstance(error, errors.DeliveryError):
            return ending.EXIT_NOT_DELIVERED
        wrong = isinstance(error, ConfigError | errors.UsageProblem)
        return ending.EXIT_USAGE if wrong else ending.EXIT_ERROR
    if result.problem:
        click.echo(f"Error: {result.problem}", err=True)
    if as_json:
        click.echo(json.dumps(_as_object(result)))
    else:
        _show(result, show_patch=show_patch)
    return result.exit_code


def _show(result: Result, *, show_patch: bool) -> None:
    from rich.console import Console

    from openhands_tiered_router.cli.served import cost_table

    plan, outcome, delivered = result.plan, result.outcome, result.delivered

    console = Console(highlight=False, soft_wrap=True)
    done = outcome.done
    if done is not None:
        console.print(cost_table(done.tiers))
        console.print(f"{done.status}; ${done.usd:.4f}", style="bold", markup=False)
        if done.verification:
            word = "verified" if done.verified else "not verified"
            console.print(f"{word}: {done.verification}", markup=False)
    else:
        console.print("Resolved before; --fresh begins anew.")
    if show_patch and plan.request.patch is not None:
        console.print(plan.request.patch.read_text("utf-8", "replace"), markup=False)
        delivered = {}
    for what, where in delivered.items():
        console.print(f"{what}: {where}", markup=False)
    for name in plan.wishes.refused:
        text = f"label {name} is not obeyed: who set it is not trusted"
        console.print(text, markup=False)
    if outcome.dependencies:
        names = ", ".join(outcome.dependencies)
        console.print(f"Dependency files differ: {names}; install anew", markup=False)
    if outcome.kept is not None:
        console.print(f"Kept in {outcome.kept}; run again to go on", markup=False)


def _as_object(result: Result) -> dict[str, Any]:
    """The last line of ``--json``. Money in USD."""
    plan, outcome = result.plan, result.outcome
    done = outcome.done
    return {
        "type": "resolution",
        "exit_code": result.exit_code,
        "issue": plan.reference.identity,
        "repository": plan.source.identity,
        "conversation": str(result.conversation),
        "sandbox": str(plan.sandbox),
        "resumed": outcome.resumed,
        "status": done.status if done else "resolved before",
        "verified": outcome.verified,
        "verification": done.verification if done else "",
        "base": outcome.base,
        "commit": outcome.commit or None,
        "delivered": result.delivered,
        "cost_usd": done.usd if done else 0.0,
        "tiers": {n: asdict(c) for n, c in done.tiers.items()} if done else {},
        "dependencies_changed": list(outcome.dependencies),
        "labels_refused": list(plan.wishes.refused),
        "kept_in": str(outcome.kept) if outcome.kept else None,
    }
