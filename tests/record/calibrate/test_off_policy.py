"""Estimates from simulated logs, whose truth is known."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from openhands_tiered_router.policy.situation import Situation
from openhands_tiered_router.record.calibrate.logs import LoggedTurn
from openhands_tiered_router.record.calibrate.off_policy import (
    FEWEST_EFFECTIVE,
    FEWEST_SESSIONS,
    Estimate,
    TooFewError,
    estimate,
    support_of,
)
from openhands_tiered_router.tiers import Tier


pytest.importorskip("sklearn")

SHARE = 0.3
COST = {Tier.SIMPLE: 0.2, Tier.MEDIUM: 0.5, Tier.COMPLEX: 1.0}
Policy = Callable[[float], Tier]


def logging_policy(p: float) -> Tier:
    return Tier.MEDIUM if p > 0.4 else Tier.COMPLEX


def braver(p: float) -> Tier:
    return Tier.SIMPLE if p > 0.7 else logging_policy(p)


def usd(tier: Tier, p: float) -> float:
    """Not linear in what the model of outcomes sees."""
    return COST[tier] * (1.0 + (2.0 * p - 1.0) ** 2)


def simulate(
    seed: int, sessions: int = 60, share: float = SHARE, turns: int = 20
) -> list[LoggedTurn]:
    """Sessions that differ in price level, so that their turns hang together."""
    draw = random.Random(seed)
    found = []
    for number in range(sessions):
        level = draw.uniform(0.5, 1.5)
        for at in range(turns):
            p = draw.random()
            base = logging_policy(p)
            near = [t for t in COST if abs(t - base) == 1]
            arms = [(base, 1.0 - share), *((t, share / len(near)) for t in near)]
            tier = draw.choices([t for t, _ in arms], [w for _, w in arms])[0]
            failed = draw.random() < 0.3 * (Tier.COMPLEX - tier) * (1.0 - p)
            found.append(
                LoggedTurn(
                    session=f"s{number}",
                    time=float(at),
                    tier=tier,
                    model=str(tier),
                    situation=Situation(
                        prompt_tokens=1_000 * at,
                        p_mechanical=p,
                        arms=tuple(arms),
                    ),
                    cost=level * usd(tier, p) * draw.uniform(0.5, 1.5),
                    clean=not failed,
                    verified=None,
                )
            )
    return found


def truth(policy: Policy, of: Callable[[Tier, float], float]) -> float:
    points = [(i + 0.5) / 10_000 for i in range(10_000)]
    return sum(of(policy(p), p) for p in points) / len(points)


def judged(turns: list[LoggedTurn], policy: Policy, **options: bool) -> Estimate:
    wanted = [policy(t.situation.p_mechanical or 0.0) for t in turns]
    found = estimate(turns, wanted, lambda t: t.cost, **options)
    assert found is not None
    return found


def test_estimates_are_right_on_average_and_intervals_hold_the_truth() -> None:
    true = truth(braver, usd)
    gain = true - truth(logging_policy, usd)
    runs = [judged(simulate(seed, 50, turns=10), braver) for seed in range(150)]
    for name in ("ips", "doubly_robust"):
        figures = [getattr(run, name) for run in runs]
        mean = sum(f.value for f in figures) / len(runs)
        assert mean == pytest.approx(true, rel=0.01)
        covered = sum(f.low <= true <= f.high for f in figures) / len(runs)
        # Nominal .95; +-.04 is 2.2 standard errors of 150 runs.
        assert 0.91 <= covered <= 0.99
    assert gain < -0.05
    narrower = sum(
        r.doubly_robust.high - r.doubly_robust.low < r.ips.high - r.ips.low
        for r in runs
    )
    assert narrower > 120


def test_shares_of_clean_turns_are_estimated_alike() -> None:
    true = truth(braver, lambda tier, p: 1.0 - 0.3 * (Tier.COMPLEX - tier) * (1.0 - p))
    covered = 0
    for seed in range(60):
        turns = simulate(1_000 + seed, 50, turns=10)
        wanted = [braver(t.situation.p_mechanical or 0.0) for t in turns]
        found = estimate(turns, wanted, lambda t: None if t.clean is None else t.clean)
        assert found is not None
        figure = found.doubly_robust
        covered += figure.low <= true <= figure.high
    assert 53 <= covered <= 60


def test_the_policy_that_logged_is_worth_what_it_cost() -> None:
    turns = simulate(1, share=1e-9)
    found = judged(turns, logging_policy)
    mean = sum(t.cost or 0.0 for t in turns) / len(turns)
    assert found.logged.value == pytest.approx(mean)
    assert found.ips.value == pytest.approx(mean)
    assert found.doubly_robust.value == pytest.approx(mean)
    assert found.difference.value == pytest.approx(0.0, abs=1e-6)


def test_a_session_is_the_sum_of_its_turns() -> None:
    turns = simulate(2, turns=7)
    by_turn, by_session = judged(turns, braver), judged(turns, braver, per_session=True)
    for name in ("logged", "ips", "doubly_robust"):
        a, b = getattr(by_turn, name), getattr(by_session, name)
        assert b.value == pytest.approx(7 * a.value)
        assert b.high == pytest.approx(7 * a.high)


def wanted_by(turns: list[LoggedTurn], policy: Policy) -> list[Tier]:
    return [policy(t.situation.p_mechanical or 0.0) for t in turns]


def test_too_few_are_refused_and_what_is_lacking_suffices() -> None:
    turns = simulate(3, sessions=40, share=0.1)
    with pytest.raises(TooFewError, match="about [0-9]+ more sessions") as refusal:
        support_of(turns, wanted_by(turns, braver))
    words = str(refusal.value).split()
    missing = int(words[words.index("about") + 1])
    enough = simulate(3, sessions=40 + int(1.2 * missing), share=0.1)
    support = support_of(enough, wanted_by(enough, braver))
    assert support.effective >= FEWEST_EFFECTIVE
    assert support.untried == 0.0


def test_few_sessions_are_refused_however_much_was_tried() -> None:
    turns = simulate(4, sessions=FEWEST_SESSIONS - 3, turns=200)
    with pytest.raises(TooFewError, match="about 3 more sessions"):
        support_of(turns, wanted_by(turns, braver))


def test_a_policy_that_was_never_tried_is_refused() -> None:
    turns = simulate(5)
    with pytest.raises(TooFewError, match="never possible"):
        support_of(turns, [Tier.REASONING] * len(turns))
