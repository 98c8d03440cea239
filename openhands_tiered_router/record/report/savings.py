"""Spend beside what other ways to choose models would have cost: estimates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from openhands_tiered_router.record.report.intervals import (
    Estimate,
    Row,
    Statistic,
    estimates,
)
from openhands_tiered_router.record.telemetry.sums import TIERS, Group
from openhands_tiered_router.tiers import Tier, TierSet


@dataclass(frozen=True, slots=True, kw_only=True)
class Alternative:
    """All turns on one tier's first endpoint."""

    tier: str
    models: tuple[str, ...]
    """The latest first; more than one: the configuration changed meanwhile."""
    usd: float
    saving: Estimate | None
    """Share of it that was not spent; negative: routing cost more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Savings:
    """Over the agent's judged turns whose price and alternatives' prices are known."""

    conversations: int
    turns: int
    spent: float
    """USD of these turns."""
    left_out: float
    """USD of all other calls: it is in no comparison."""
    alternatives: tuple[Alternative, ...]
    """By tier, the strongest first."""
    top: str | None
    base: str | None
    """The stronger side of most choices."""
    best: str | None
    """The cheapest tier for all turns that is no weaker than the base."""
    by_model: Estimate | None
    """USD: the best single model instead of the top one."""
    by_routing: Estimate | None
    """USD: routing instead of the best single model; negative: it cost more."""
    mix: float | None
    """Share of conversations that a random mix of the best single and the weakest model
    puts on the former, to cost what was spent; ``None``: no mix costs that."""
    under_routed: Estimate | None
    """Share of hard turns that a tier below the one weighed against them served."""
    under_over_mix: Estimate | None
    """That share less the random mix's; negative: routing is better than chance."""

    @property
    def alone(self) -> Alternative | None:
        """The best single model."""
        return next((a for a in self.alternatives if a.tier == self.best), None)


def savings(
    whole: Group, conversations: Sequence[Group], tier_sets: Sequence[TierSet]
) -> Savings:
    """Computes them.

    Args:
        whole: Sums over all calls.
        conversations: Sums of each conversation.
        tier_sets: Those of the compared turns, the latest first.
    """
    compared = [c for c in conversations if c["compared"]]
    rows = [_row(c) for c in compared]
    tiers = sorted({t for s in tier_sets for t in s.tiers()}) if rows else []
    sums = [sum(column) for column in zip(*rows, strict=True)] or [0.0] * _WIDTH
    base, top = _base(whole), (tiers[-1] if tiers else None)
    able = [t for t in tiers if base is None or t >= base] or tiers[-1:]
    best = min(able, key=lambda t: sums[_ALONE + t], default=None)
    weak = min(tiers, key=lambda t: sums[_ALONE + t], default=None)
    mix = _mix(sums, best, weak)
    figures = [_saving(t) for t in tiers]
    figures += [_less(top, best), _routed(best), _under, _under_over(best, weak)]
    *found, by_model, by_routing, under, over = estimates(rows, figures)
    return Savings(
        conversations=len(rows),
        turns=round(whole["compared"]),
        spent=whole["compared_usd"],
        left_out=whole["cost"] - whole["compared_usd"],
        alternatives=tuple(
            Alternative(
                tier=str(t),
                models=_models(tier_sets, t),
                usd=sums[_ALONE + t],
                saving=saving,
            )
            for t, saving in reversed(list(zip(tiers, found, strict=True)))
        ),
        top=_name(top),
        base=_name(base),
        best=_name(best),
        by_model=by_model,
        by_routing=by_routing,
        mix=mix,
        under_routed=under,
        under_over_mix=over if mix is not None else None,
    )


_SPENT, _HARD, _UNDER, _ALONE = range(4)
_WIDTH = _ALONE + len(Tier)


def _row(sums: Group) -> Row:
    alone = (sums[f"alone_{t}"] for t in TIERS)
    return [sums["compared_usd"], sums["hard"], sums["under_routed"], *alone]


def _base(whole: Group) -> Tier | None:
    """The stronger side of most choices, the stronger of two such tiers."""
    most = max(Tier, key=lambda t: (whole[f"base_{t}"], t))
    return most if whole[f"base_{most}"] else None


def _models(tier_sets: Sequence[TierSet], tier: Tier) -> tuple[str, ...]:
    firsts = (s.of(s.serving(tier))[0].model for s in tier_sets)
    return tuple(dict.fromkeys(firsts))


def _saving(tier: Tier) -> Statistic:
    def share(sums: Row) -> float | None:
        other = sums[_ALONE + tier]
        return 1 - sums[_SPENT] / other if other else None

    return share


def _under(sums: Row) -> float | None:
    return sums[_UNDER] / sums[_HARD] if sums[_HARD] else None


def _mix(sums: Row, best: Tier | None, weak: Tier | None) -> float | None:
    """Share on ``best``, so that whole conversations put there at random cost as much.

    Whole conversations, because a mix by turns would lose its caches at each change.
    """
    if best is None or weak is None or best == weak:
        return None
    between = sums[_ALONE + best] - sums[_ALONE + weak]
    share = (sums[_SPENT] - sums[_ALONE + weak]) / between if between else -1.0
    return share if 0 <= share <= 1 else None


def _under_over(best: Tier | None, weak: Tier | None) -> Statistic:
    def difference(sums: Row) -> float | None:
        mix, under = _mix(sums, best, weak), _under(sums)
        return None if mix is None or under is None else under - (1 - mix)

    return difference


def _less(top: Tier | None, best: Tier | None) -> Statistic:
    def difference(sums: Row) -> float | None:
        if top is None or best is None:
            return None
        return sums[_ALONE + top] - sums[_ALONE + best]

    return difference


def _routed(best: Tier | None) -> Statistic:
    def difference(sums: Row) -> float | None:
        return None if best is None else sums[_ALONE + best] - sums[_SPENT]

    return difference


def _name(tier: Tier | None) -> str | None:
    return None if tier is None else str(tier)
