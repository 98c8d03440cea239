"""What routed sessions cost, against the best single model and cache lifetime.

    python tests/benchmarks/routing_costs.py SESSIONS CONFIG [TASK_VALUE...]
    python tests/benchmarks/routing_costs.py SESSIONS CONFIG --under-routed A B C

SESSIONS is a JSON Lines file as for ``tiered-router replay``. Prints, at 1, 10 and 30
times the recorded times, the cost of the sessions relative to ``complex`` alone with
the cheaper of five minutes and an hour for the whole of each session (known in
hindsight), with a 95 % bootstrap interval over sessions; the same relative to
``complex`` alone at five minutes; and the share of hard turns that went below
``complex``. A higher TASK_VALUE, USD, shows what less of that costs;
``--under-routed`` looks for the lowest, at each of the three speeds, with which at most
that share of hard turns goes below, so that two routers can be compared at one.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

from ratios import shown

from openhands_tiered_router.config import load_config, policy_of, tier_set
from openhands_tiered_router.policy.economics.lifetime import for_an_hour
from openhands_tiered_router.policy.engine import Engine
from openhands_tiered_router.policy.rules import RULES
from openhands_tiered_router.record.replay.costs import session_cost
from openhands_tiered_router.record.replay.recordings import read_recordings
from openhands_tiered_router.record.replay.run import replay
from openhands_tiered_router.record.replay.sessions import RecordedSession


SCALES = (1.0, 10.0, 30.0)
VALUES = (0.5, 50.0)
"""USD between which a task value is looked for, and how often the ratio of the bounds
is halved: to 1 % of the value."""
HALVINGS = 9


@dataclass(frozen=True)
class Costs:
    """One session, USD; and its hard turns, with those below the base tier."""

    routed: float
    five: float
    best: float
    hard: int
    below: int


def costs(engine: Engine, session: RecordedSession, scale: float) -> Costs:
    turns = replay(engine, session, scale)
    tiers = engine.tiers
    base = tiers.of(tiers.serving(engine.policy.base_tier))[0]
    five = sum(session_cost(turns, [base] * len(turns)))
    hour = sum(session_cost(turns, [for_an_hour(base)] * len(turns)))
    hard = [turn for turn in turns if turn.hard]
    return Costs(
        routed=sum(session_cost(turns, [turn.served for turn in turns])),
        five=five,
        best=min(five, hour),
        hard=len(hard),
        below=sum(turn.served.tier < base.tier for turn in hard),
    )


def under_routed(rows: list[Costs]) -> float:
    return sum(r.below for r in rows) / sum(r.hard for r in rows)


def report(value: float, scale: float, rows: list[Costs]) -> None:
    five = sum(r.routed for r in rows) / sum(r.five for r in rows)
    print(
        f"{value:g} USD  {scale:4g} x  "
        f"of best lifetime {shown([(r.best, r.routed) for r in rows])}  "
        f"of five minutes {five:.3f}  "
        f"under-routed {under_routed(rows):.3f}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("sessions", type=Path)
    parser.add_argument("config", type=Path)
    parser.add_argument("values", type=float, nargs="*")
    parser.add_argument("--under-routed", type=float, nargs=3)
    asked = parser.parse_args()
    sessions, config = read_recordings(asked.sessions), load_config(asked.config)
    policy = policy_of(config)

    def run(value: float, scale: float) -> list[Costs]:
        valued = policy.model_copy(update={"task_value": value})
        engine = Engine(tier_set(config), RULES, valued)
        return [costs(engine, session, scale) for session in sessions]

    if asked.under_routed is None:
        for value in asked.values or (policy.task_value,):
            for scale in SCALES:
                report(value, scale, run(value, scale))
        return
    for scale, share in zip(SCALES, asked.under_routed, strict=True):
        low, high = VALUES
        rows = run(high, scale)
        for _ in range(HALVINGS):
            middle = (low * high) ** 0.5
            tried = run(middle, scale)
            if under_routed(tried) > share:
                low = middle
            else:
                high, rows = middle, tried
        report(high, scale, rows)


if __name__ == "__main__":
    main()
