"""A configuration's policy, judged by turns on record."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from openhands_tiered_router.config import RouterConfig, policy_of, tier_set
from openhands_tiered_router.record.calibrate.logs import LogError, LoggedTurn
from openhands_tiered_router.record.calibrate.off_policy import (
    Estimate,
    Support,
    TooFewError,
    estimate,
    support_of,
)
from openhands_tiered_router.record.calibrate.redecide import Redecider
from openhands_tiered_router.tiers import Tier, TierSet


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What a policy would have cost and achieved, or why that cannot be told."""

    policy: str
    """The configuration's file."""
    support: Support | None = None
    refusal: str | None = None
    outcomes: Mapping[str, Estimate] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


USD_TURN: Final = "USD a turn"
USD_SESSION: Final = "USD a session"
CLEAN: Final = "turns without a failed tool call"
VERIFIED: Final = "verified sessions, by turn"


def judge(turns: Sequence[LoggedTurn], config: RouterConfig) -> Judgement:
    """Estimates the outcomes of the configuration's policy.

    Raises:
        LogError: The turns were served by other models than it names.
    """
    policy = redecider_of(config, turns)
    wanted = [policy.tier(turn) for turn in turns]
    try:
        support = support_of(turns, wanted)
    except TooFewError as error:
        return Judgement(policy=config.source, refusal=str(error))
    outcomes, notes = _outcomes(turns, wanted)
    return Judgement(
        policy=config.source, support=support, outcomes=outcomes, notes=tuple(notes)
    )


def redecider_of(config: RouterConfig, turns: Sequence[LoggedTurn]) -> Redecider:
    """Decides those turns by the configuration's policy.

    Raises:
        LogError: They were served by other models than it names.
    """
    tiers = tier_set(config)
    _check_models(turns, tiers, config.source)
    return Redecider(tiers, policy_of(config), config.cache.one_hour)


def _outcomes(
    turns: Sequence[LoggedTurn], wanted: Sequence[Tier]
) -> tuple[dict[str, Estimate], list[str]]:
    of: dict[str, tuple[Callable[[LoggedTurn], float | None], bool]] = {
        USD_TURN: (lambda t: t.cost, False),
        USD_SESSION: (lambda t: t.cost, True),
        CLEAN: (lambda t: t.clean, False),
        VERIFIED: (lambda t: t.verified, False),
    }
    found: dict[str, Estimate] = {}
    notes: list[str] = []
    for name, (outcome, per_session) in of.items():
        value = estimate(turns, wanted, outcome, per_session=per_session)
        if value is None:
            notes.append(f"{name}: known in too few sessions")
        else:
            found[name] = value
    unpriced = sum(t.cost is None for t in turns)
    if unpriced:
        notes.append(f"{unpriced} turns have no known cost and are left out of it")
    return found, notes


def _check_models(turns: Sequence[LoggedTurn], tiers: TierSet, source: str) -> None:
    """Outcomes of one model say nothing about another."""
    for tier in tiers.tiers():
        named = {e.model for e in tiers.of(tier)}
        served = {t.model for t in turns if t.tier is tier and t.model}
        if served and not served <= named:
            raise LogError(
                f"{source}: tier {tier} is {', '.join(sorted(named))}, but on record "
                f"it was {', '.join(sorted(served))}; only a policy for the same "
                "models can be judged"
            )
