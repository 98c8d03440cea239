"""Spend beside what other ways to choose models would have cost: estimates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from openhands_tiered_router.record.report.intervals import (
    Estimate,
    Row,
    Statistic,
    estimates,
)
from openhands_tiered_router.record.report.sums import ConversationSums
from openhands_tiered_router.tiers import Endpoint, Tier, TierSet


@dataclass(frozen=True, slots=True, kw_only=True)
class Alternative:
    """All turns on one tier's first endpoint."""

    tier: str
    models: tuple[str, ...]
    """More than one: the configuration changed meanwhile."""
    usd: float
    saving: Estimate | None
    """Share of it that was not spent; negative: routing cost more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Savings:
    """Over the priced agent's turns whose tier set is on record, with its prices."""

    conversations: int
    turns: int
    spent: float
    """USD of these turns."""
    left_out: float
    """USD of other agent's turns."""
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
    leak: Estimate | None
    """Share of hard turns that a tier below the base served."""
    leak_over_mix: Estimate | None
    """That share less the random mix's; negative: routing is better than chance."""


def savings(
    sums: Sequence[ConversationSums],
    tier_sets: Mapping[int, TierSet],
    base: Tier | None,
) -> Savings:
    """Computes them; ``base`` is the stronger side of most choices."""
    firsts = {k: [_first(found, t) for t in Tier] for k, found in tier_sets.items()}
    priced = [(s, _singles(s, firsts)) for s in sums]
    usable = [s for s, usd in priced if usd is not None]
    rows = _rows((s, usd) for s, usd in priced if usd is not None)
    tiers = sorted({t for k in _keys(usable) for t in tier_sets[k].tiers()})
    whole = [sum(column) for column in zip(*rows, strict=True)] or [0.0] * _WIDTH
    top = tiers[-1] if tiers else None
    able = [t for t in tiers if base is None or t >= base] or tiers[-1:]
    best = min(able, key=lambda t: whole[_COST + t], default=None)
    weak = min(tiers, key=lambda t: whole[_COST + t], default=None)
    mix = _mix(whole, best, weak)
    figures = [_saving(t) for t in tiers]
    figures += [_less(top, best), _routed(best), _leak, _leak_over(best, weak)]
    *found, by_model, by_routing, leak, over = estimates(rows, figures)
    return Savings(
        conversations=len(rows),
        turns=round(whole[_TURNS]),
        spent=whole[_SPENT],
        left_out=sum(s.cost for s in sums) - whole[_SPENT],
        alternatives=tuple(
            Alternative(
                tier=str(t),
                models=_models(usable, tier_sets, t),
                usd=whole[_COST + t],
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
        leak=leak,
        leak_over_mix=over if mix is not None else None,
    )


_SPENT, _TURNS, _HARD, _LEAKED, _COST = range(5)
_WIDTH = _COST + len(Tier)


def _rows(priced: Iterable[tuple[ConversationSums, list[float]]]) -> list[Row]:
    """One a conversation, whatever number of tier sets it went through."""
    found: dict[int, list[float]] = {}
    for s, usd in priced:
        row = found.setdefault(s.conversation, [0.0] * _WIDTH)
        added = [s.cost, s.turns, s.hard, s.leaked, *usd]
        found[s.conversation] = [a + b for a, b in zip(row, added, strict=True)]
    return list(found.values())


def _singles(
    sums: ConversationSums, firsts: Mapping[int, Sequence[Endpoint]]
) -> list[float] | None:
    """USD by tier, had its first endpoint served all; ``None``: not all are known."""
    if sums.tier_set is None or sums.tier_set not in firsts:
        return None
    usd = [sums.single(e) for e in firsts[sums.tier_set]]
    known = [u for u in usd if u is not None]
    return known if len(known) == len(usd) else None


def _keys(usable: Iterable[ConversationSums]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(s.tier_set for s in usable if s.tier_set is not None))


def _first(tiers: TierSet, tier: Tier) -> Endpoint:
    return tiers.of(tiers.serving(tier))[0]


def _models(
    usable: Sequence[ConversationSums], tier_sets: Mapping[int, TierSet], tier: Tier
) -> tuple[str, ...]:
    firsts = (_first(tier_sets[k], tier).model for k in _keys(usable))
    return tuple(dict.fromkeys(firsts))


def _saving(tier: Tier) -> Statistic:
    def share(sums: Row) -> float | None:
        other = sums[_COST + tier]
        return 1 - sums[_SPENT] / other if other else None

    return share


def _leak(sums: Row) -> float | None:
    return sums[_LEAKED] / sums[_HARD] if sums[_HARD] else None


def _mix(sums: Row, best: Tier | None, weak: Tier | None) -> float | None:
    """Share on ``best``, so that whole conversations put there at random cost as much.

    Whole conversations, because a mix by turns would lose its caches at each change.
    """
    if best is None or weak is None or best == weak:
        return None
    between = sums[_COST + best] - sums[_COST + weak]
    share = (sums[_SPENT] - sums[_COST + weak]) / between if between else -1.0
    return share if 0 <= share <= 1 else None


def _leak_over(best: Tier | None, weak: Tier | None) -> Statistic:
    def difference(sums: Row) -> float | None:
        mix, leak = _mix(sums, best, weak), _leak(sums)
        return None if mix is None or leak is None else leak - (1 - mix)

    return difference


def _less(top: Tier | None, best: Tier | None) -> Statistic:
    def difference(sums: Row) -> float | None:
        if top is None or best is None:
            return None
        return sums[_COST + top] - sums[_COST + best]

    return difference


def _routed(best: Tier | None) -> Statistic:
    def difference(sums: Row) -> float | None:
        return None if best is None else sums[_COST + best] - sums[_SPENT]

    return difference


def _name(tier: Tier | None) -> str | None:
    return None if tier is None else str(tier)
