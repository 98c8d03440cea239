"""What a replay comes to: costs beside those of simple policies, with intervals."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from openhands_tiered_router.policy.engine import Engine
from openhands_tiered_router.policy.kinds import ActionKind
from openhands_tiered_router.record.replay.costs import optimum, session_cost
from openhands_tiered_router.record.replay.run import ReplayedTurn
from openhands_tiered_router.tiers import Endpoint, Tier


RESAMPLES: Final = 2_000
_SEED: Final = 0
_LOOKS: Final = frozenset(
    {
        ActionKind.SEARCH,
        ActionKind.READ,
        ActionKind.LIST,
        ActionKind.GIT,
        ActionKind.SCRIPT,
    }
)
OPTIMUM: Final = "offline optimum"
ROUTED: Final = "routed"
UNBOUGHT: Final = "without hours"
"""The same tiers, with every endpoint's usual cache lifetime: the difference is what
buying hours saved or cost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One policy's outcome over all sessions."""

    name: str
    usd: float
    relative: float
    """Cost as a share of always the base tier's."""
    low: float
    high: float
    """95 % bootstrap interval of ``relative``, over sessions."""
    weak: float
    """Share of turns below the base tier."""
    under_routed: float
    """Share of hard turns below the base tier."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The whole replay."""

    sessions: int
    turns: int
    hard: float
    """Share of hard turns."""
    estimated: int
    """Sessions whose tokens were estimated from lengths."""
    base: Tier
    lines: tuple[Line, ...]
    tiers: Mapping[str, int]
    """Turns by the tier that served."""
    ms_median: float
    ms_p99: float


def summarise(
    engine: Engine, replays: Sequence[list[ReplayedTurn]], estimated: int = 0
) -> Summary:
    """Costs of the replayed decisions and of what they are measured against.

    Raises:
        UnknownPriceError: An endpoint's price is not known.
    """
    tiers, policy = engine.tiers, engine.policy
    base = tiers.serving(policy.base_tier)
    strong, weak = tiers.of(base)[0], tiers.of(tiers.serving(policy.mechanical_tier))[0]
    flat = [t for turns in replays for t in turns]
    always = _costs(replays, lambda turns: [strong] * len(turns))
    lines = [
        _line(ROUTED, base, replays, always, _routed),
        _line("one-line rule", base, replays, always, _one_line(strong, weak)),
    ]
    usual = {e.key: e for e in tiers.endpoints}
    if any(t.served != usual[t.served.key] for t in flat):
        pick = _with_usual_lifetimes(usual)
        lines.insert(1, _line(UNBOUGHT, base, replays, always, pick))
    for tier in reversed(tiers.tiers()):
        endpoint = tiers.of(tier)[0]
        pick = _only(endpoint)
        lines.append(_line(f"always {tier}", base, replays, always, pick))
    best = [optimum(turns, strong, weak) for turns in replays]
    share, low, high = _relative(best, always)
    lines.append(
        Line(
            name=OPTIMUM,
            usd=sum(best),
            relative=share,
            low=low,
            high=high,
            weak=float("nan"),
            under_routed=0.0,
        )
    )
    ms = sorted(t.ms for t in flat)
    return Summary(
        sessions=len(replays),
        turns=len(flat),
        hard=sum(t.hard for t in flat) / len(flat),
        estimated=estimated,
        base=base,
        lines=tuple(lines),
        tiers={str(t): sum(x.decision.tier == t for x in flat) for t in Tier},
        ms_median=ms[len(ms) // 2],
        ms_p99=ms[int(0.99 * (len(ms) - 1))],
    )


Pick = Callable[[Sequence[ReplayedTurn]], list[Endpoint]]


def _routed(turns: Sequence[ReplayedTurn]) -> list[Endpoint]:
    return [turn.served for turn in turns]


def _with_usual_lifetimes(usual: Mapping[str, Endpoint]) -> Pick:
    return lambda turns: [usual[turn.served.key] for turn in turns]


def _only(endpoint: Endpoint) -> Pick:
    return lambda turns: [endpoint] * len(turns)


def _one_line(strong: Endpoint, weak: Endpoint) -> Pick:
    """Weak when the turn before looked around or wrote a script, and did not fail."""

    def pick(turns: Sequence[ReplayedTurn]) -> list[Endpoint]:
        served = [strong]
        for before in turns[:-1]:
            easy = before.kind in _LOOKS and not before.failed
            served.append(weak if easy else strong)
        return served

    return pick


def _costs(replays: Sequence[list[ReplayedTurn]], pick: Pick) -> list[float]:
    return [sum(session_cost(turns, pick(turns))) for turns in replays]


def _line(
    name: str,
    base: Tier,
    replays: Sequence[list[ReplayedTurn]],
    always: Sequence[float],
    pick: Pick,
) -> Line:
    costs = _costs(replays, pick)
    share, low, high = _relative(costs, always)
    weak = [
        (t.hard, e.tier < base)
        for turns in replays
        for t, e in zip(turns, pick(turns), strict=True)
    ]
    hard = [below for is_hard, below in weak if is_hard]
    return Line(
        name=name,
        usd=sum(costs),
        relative=share,
        low=low,
        high=high,
        weak=sum(below for _, below in weak) / len(weak),
        under_routed=sum(hard) / max(1, len(hard)),
    )


def _relative(
    costs: Sequence[float], always: Sequence[float]
) -> tuple[float, float, float]:
    """The ratio of the sums, and its 95 % percentile bootstrap interval."""
    if not sum(always):
        return 1.0, 1.0, 1.0
    draw = random.Random(_SEED)
    indices = range(len(costs))
    ratios: list[float] = []
    for _ in range(RESAMPLES):
        sample = draw.choices(indices, k=len(costs))
        whole = sum(always[i] for i in sample)
        ratios.append(sum(costs[i] for i in sample) / whole if whole else 1.0)
    ratios.sort()
    low = ratios[int(0.025 * (RESAMPLES - 1))]
    high = ratios[int(0.975 * (RESAMPLES - 1))]
    return sum(costs) / sum(always), low, high
