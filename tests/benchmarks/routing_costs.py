"""What routed sessions cost, against the best single model and cache lifetime.

    python tests/benchmarks/routing_costs.py SESSIONS CONFIG [TASK_VALUE...]

SESSIONS is a JSON Lines file as for ``tiered-router replay``. Prints, at 1, 10 and 30
times the recorded times, the cost of the sessions relative to ``complex`` alone with
the cheaper of five minutes and an hour for the whole of each session (known in
hindsight), with a 95 % bootstrap interval over sessions; the same relative to
``complex`` alone at five minutes; and the share of hard turns that went below
``complex``. A higher TASK_VALUE, USD, shows what less of that costs.
"""

import random
import sys
from dataclasses import dataclass
from pathlib import Path

from openhands_tiered_router.config import load_config, policy_of, tier_set
from openhands_tiered_router.policy.economics.lifetime import for_an_hour
from openhands_tiered_router.policy.engine import Engine
from openhands_tiered_router.policy.rules import RULES
from openhands_tiered_router.record.replay.costs import session_cost
from openhands_tiered_router.record.replay.run import replay
from openhands_tiered_router.record.replay.sessions import (
    RecordedSession,
    read_sessions,
)


SCALES = (1.0, 10.0, 30.0)
RESAMPLES = 2_000


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


def ratio(rows: list[Costs]) -> float:
    return sum(r.routed for r in rows) / sum(r.best for r in rows)


def main() -> None:
    sessions, config = read_sessions(Path(sys.argv[1])), load_config(Path(sys.argv[2]))
    policy, draw = policy_of(config), random.Random(0)
    for value in map(float, sys.argv[3:] or (policy.task_value,)):
        valued = policy.model_copy(update={"task_value": value})
        engine = Engine(tier_set(config), RULES, valued)
        for scale in SCALES:
            rows = [costs(engine, session, scale) for session in sessions]
            resampled = sorted(
                ratio(draw.choices(rows, k=len(rows))) for _ in range(RESAMPLES)
            )
            low, high = resampled[RESAMPLES // 40], resampled[-RESAMPLES // 40]
            five = sum(r.routed for r in rows) / sum(r.five for r in rows)
            below = sum(r.below for r in rows) / sum(r.hard for r in rows)
            print(
                f"{value:g} USD  {scale:4g} x  of best lifetime {ratio(rows):.3f} "
                f"[{low:.3f}, {high:.3f}]  of five minutes {five:.3f}  "
                f"under-routed {below:.3f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
