"""What a policy would have cost and achieved, estimated from the logs of another.

Each turn is a contextual bandit: the value of a policy is the mean outcome of turns as
they arose, had its choice been made for that one turn. What a choice does to later
turns (their number, their caches) is not in it.

- IPS, self-normalised (Swaminathan and Joachims 2015): outcomes of the turns on which
  the policy agrees with what was done, weighted by one over the odds of that.
- Doubly robust (Dudik, Langford and Li 2011): a linear model of the outcome by tier,
  fitted on other sessions, corrected by the weighted errors that it makes.

Turns of a session are not independent, so intervals are bootstrapped over sessions,
with percentiles expanded for their number (Hesterberg 2015).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from openhands_tiered_router.record.calibrate.figures import Figure
from openhands_tiered_router.record.calibrate.logs import LoggedTurn
from openhands_tiered_router.tiers import Tier


if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    type Floats = NDArray[np.float64]

RESAMPLES: Final = 2_000
SEED: Final = 0
FOLDS: Final = 5
_RIDGE: Final = 1.0
FEWEST_SESSIONS: Final = 30
"""Below, a bootstrap over sessions is too narrow to be believed."""
FEWEST_EFFECTIVE: Final = 100.0
"""Turns, by Kish's effective size, on which the policy differs from the preferred
tier and that tier was tried: at 100 a share is known to +-.1."""
MOST_UNTRIED: Final = 0.1
"""Share of turns on which the policy wants a tier that could not have been chosen."""


class TooFewError(ValueError):
    """The logs cannot tell; says what is lacking and how much more is needed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """One outcome under the policy, each with its 95 % interval."""

    turns: int
    """Turns for which the outcome is known."""
    logged: Figure
    """Its mean as it was."""
    ips: Figure
    doubly_robust: Figure
    difference: Figure
    """Doubly robust estimate less what was logged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Support:
    """How far the logs can speak about the policy."""

    turns: int
    sessions: int
    different: float
    """Share of turns on which it differs from the preferred tier."""
    untried: float
    """Share on which it wants a tier that had no odds; there the preferred one is
    taken to serve."""
    effective: float
    """Kish's effective number of turns on which its differing choice was tried."""


def support_of(turns: Sequence[LoggedTurn], wanted: Sequence[Tier]) -> Support:
    """How far the turns can tell about a policy that wants those tiers.

    Raises:
        TooFewError: Not far enough.
    """
    sessions = len({t.session for t in turns})
    differs = [w != t.base for t, w in zip(turns, wanted, strict=True)]
    tried = [w in t.odds for t, w in zip(turns, wanted, strict=True)]
    untried = 1.0 - sum(tried) / len(turns)
    weights = [
        1.0 / t.odds[w]
        for t, w, d in zip(turns, wanted, differs, strict=True)
        if d and w is t.tier and w in t.odds
    ]
    squares = sum(w * w for w in weights)
    effective = sum(weights) ** 2 / squares if squares else 0.0
    support = Support(
        turns=len(turns),
        sessions=sessions,
        different=sum(differs) / len(turns),
        untried=untried,
        effective=effective,
    )
    expected = sum(
        t.odds[w]
        for t, w, d in zip(turns, wanted, differs, strict=True)
        if d and w in t.odds
    )
    _check(support, expected)
    return support


def _check(support: Support, expected: float) -> None:
    if support.untried > MOST_UNTRIED:
        raise TooFewError(
            f"on {support.untried:.0%} of {support.turns} turns the policy wants a "
            f"tier that was never possible there; at most {MOST_UNTRIED:.0%} can be "
            "passed over. More turns of the same kind will not help: lower "
            "least_mechanical in [explore], or judge a policy nearer to the logged one"
        )
    missing = max(FEWEST_SESSIONS - support.sessions, 0)
    if support.different and support.effective < FEWEST_EFFECTIVE:
        per_session = max(expected / support.sessions, 1e-9)
        lacking = FEWEST_EFFECTIVE - support.effective
        missing = max(missing, math.ceil(lacking / per_session))
    if missing:
        raise TooFewError(
            f"{support.sessions} sessions, {support.effective:.0f} effective turns on "
            f"which the policy differs; {FEWEST_SESSIONS} and {FEWEST_EFFECTIVE:.0f} "
            f"are needed: about {missing} more sessions like these, or a larger share "
            "in [explore]"
        )


def estimate(
    turns: Sequence[LoggedTurn],
    wanted: Sequence[Tier],
    outcome: Callable[[LoggedTurn], float | None],
    *,
    per_session: bool = False,
) -> Estimate | None:
    """An outcome's mean a turn (or sum a session) under the policy.

    Args:
        turns: As logged.
        wanted: The policy's choice for each.
        outcome: Of a turn; ``None``: not known, the turn is left out.
        per_session: Sums over each session's turns, their number as logged.

    Returns:
        ``None`` where fewer than ``FEWEST_SESSIONS`` sessions know the outcome.
    """
    import numpy as np  # optional extra

    known = [
        (t, w if w in t.odds else t.base, y)
        for t, w in zip(turns, wanted, strict=True)
        if (y := outcome(t)) is not None
    ]
    sessions = dict.fromkeys(t.session for t, _, _ in known)
    names = {name: i for i, name in enumerate(sessions)}
    if len(names) < FEWEST_SESSIONS:
        return None
    session = np.array([names[t.session] for t, _, _ in known])
    y = np.array([float(y) for _, _, y in known])
    weights = np.array([1.0 / t.odds[w] if w is t.tier else 0.0 for t, w, _ in known])
    models = _models(known, y, session)
    done = [t.tier for t, _, _ in known]
    robust = models([w for _, w, _ in known]) + weights * (y - models(done))
    columns = np.stack([y, weights * y, weights, robust, np.ones_like(y)])
    sums = np.stack([np.bincount(session, c, len(names)) for c in columns], axis=1)
    return _intervals(sums, len(known), per_session)


def _intervals(sums: Floats, turns: int, per_session: bool) -> Estimate:
    """Ratios of the columns' totals, and of those of resampled sessions."""
    import numpy as np  # as above

    count = len(sums)
    drawn = np.random.default_rng(SEED).multinomial(
        count, np.full(count, 1 / count), RESAMPLES
    )
    totals = np.vstack([sums.sum(axis=0), drawn @ sums])
    y, weighted, weight, robust, ones = totals.T
    size = np.full_like(ones, count) if per_session else ones
    # Turns a session: a self-normalised mean is one of turns.
    scale = ones / size
    ips = weighted / np.maximum(weight, 1e-12) * scale
    return Estimate(
        turns=turns,
        logged=_figure(y / size, count),
        ips=_figure(ips, count),
        doubly_robust=_figure(robust / size, count),
        difference=_figure((robust - y) / size, count),
    )


def _figure(values: Floats, sessions: int) -> Figure:
    """The first value, with the expanded percentiles of the resampled others."""
    import numpy as np  # as above
    from scipy import stats

    wide = math.sqrt(sessions / (sessions - 1)) * stats.t.ppf(0.975, sessions - 1)
    outer = 100.0 * float(stats.norm.cdf(-wide))
    low, high = np.percentile(values[1:], [outer, 100.0 - outer])
    return Figure(float(values[0]), float(low), float(high))


def _models(
    known: Sequence[tuple[LoggedTurn, Tier, float]], y: Floats, session: NDArray
) -> Callable[[Sequence[Tier]], Floats]:
    """Predicted outcome of each turn on given tiers, by models of other sessions."""
    import numpy as np  # as above

    x = np.array([_features(t) for t, _, _ in known])
    deviation = x.std(axis=0)
    x = (x - x.mean(axis=0)) / np.where(deviation > 0, deviation, 1.0)
    x = np.hstack([np.ones((len(x), 1)), x])
    done = np.array([t.tier for t, _, _ in known])
    fold = session % FOLDS
    tiers = sorted(Tier)
    predicted = np.zeros((len(x), len(tiers)))
    for held in range(FOLDS):
        train, test = fold != held, fold == held
        for tier in tiers:
            mine = train & (done == tier)
            predicted[test, tier] = x[test] @ _ridge(x[mine], y[mine], y[train].mean())
    rows = np.arange(len(x))
    return lambda wanted: predicted[rows, np.array(wanted, dtype=int)]


def _ridge(x: Floats, y: Floats, mean: float) -> Floats:
    """Coefficients; without samples the mean of all."""
    import numpy as np  # as above

    centre = y.mean() if len(y) else mean
    penalty = _RIDGE * np.eye(x.shape[1])
    penalty[0, 0] = 1e-6
    coefficients = np.linalg.solve(x.T @ x + penalty, x.T @ (y - centre))
    coefficients[0] += centre
    return coefficients


def _features(turn: LoggedTurn) -> list[float]:
    """Numbers that outcomes hang on: size, what is cached where, how it looks."""
    situation = turn.situation
    warm = {w.endpoint: w.tokens for w in situation.warm}
    return [
        float(situation.prompt_tokens),
        situation.p_mechanical or 0.0,
        float(situation.answered_by is not None),
        *(float(warm.get(str(tier), 0)) for tier in Tier),
    ]
