"""Resolving an issue with its progress on a terminal, and showing what came of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.table import Table

from openhands_tiered_router.cli.turns import UNKNOWN, Reporter
from openhands_tiered_router.config import ConfigError
from openhands_tiered_router.resolver import ending, errors
from openhands_tiered_router.resolver.run import resolve as run
from openhands_tiered_router.resolver.work import TierCost, tier_of_book


if TYPE_CHECKING:
    from uuid import UUID

    from openhands.sdk import RemoteConversation
    from openhands.sdk.event import Event

    from openhands_tiered_router.resolver.run import Request, Result


def resolve(request: Request, *, as_json: bool) -> int:
    """Resolves, shows what came of it, and returns the exit code."""
    try:
        result = run(request, ServedReporter(as_json=as_json))
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
        _show(result)
    return result.exit_code


def _show(result: Result) -> None:
    outcome = result.outcome
    console = Console(highlight=False, soft_wrap=True)
    done = outcome.done
    if done is not None:
        console.print(_cost_table(done.tiers))
        console.print(f"{done.status}; ${done.usd:.4f}", style="bold", markup=False)
        if done.verification:
            word = "verified" if done.verified else "not verified"
            console.print(f"{word}: {done.verification}", markup=False)
    else:
        console.print("Resolved before; --fresh begins anew.")
    for what, where in result.delivered.items():
        console.print(f"{what}: {where}", markup=False)
    if outcome.kept is not None:
        console.print(f"Kept in {outcome.kept}; run again to go on", markup=False)


def _cost_table(tiers: Mapping[str, TierCost]) -> Table:
    """Calls, tokens and cost of each tier, for people."""
    table = Table(box=None, pad_edge=False)
    for name in ("tier", "calls", "tokens", "USD"):
        table.add_column(name, justify="left" if name == "tier" else "right")
    for name, cost in tiers.items():
        table.add_row(name, str(cost.calls), f"{cost.tokens:,}", f"{cost.usd:.4f}")
    return table


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
        "kept_in": str(outcome.kept) if outcome.kept else None,
    }


class ServedReporter(Reporter):
    """Shows the turns of a conversation on a server: their tiers are in its stats."""

    _served: RemoteConversation | None = None
    _pending: tuple[Event, ...] = ()

    def event(self, event: Event) -> None:
        """See ``Reporter.event``; shown once the server has reported its cost."""
        self._pending = (*self._pending, event)
        with suppress(Exception):
            while self._pending and self._is_known(self._pending[0]):
                super().event(self._pending[0])
                self._pending = self._pending[1:]

    def _is_known(self, event: Event) -> bool:
        response = getattr(event, "llm_response_id", None)
        return response is None or self.tier_of(response) != UNKNOWN

    def flush(self) -> None:
        """Shows what is left, known or not."""
        for event in self._pending:
            super().event(event)
        self._pending = ()

    def begin_served(self, id: UUID, conversation: RemoteConversation) -> None:
        """Announces it, by the id that its user knows."""
        self._served = conversation
        self.announce(id)

    def tier_of(self, response_id: str | None) -> str:
        if self._served is None or response_id is None:
            return super().tier_of(response_id)
        stats = self._served.conversation_stats.usage_to_metrics
        return next(
            (
                tier_of_book(usage_id)
                for usage_id, metrics in stats.items()
                if any(u.response_id == response_id for u in metrics.token_usages)
            ),
            super().tier_of(response_id),
        )
