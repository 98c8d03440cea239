"""What recorded sessions would have been worth, routed and on each model alone.

    python tests/benchmarks/turn_value.py sessions.jsonl.gz router.toml [TIME_SCALE]

Prints USD a session at 1, 5 and 20 USD a solved task, for the router and for the best
single model on every turn, at the cache lifetime that is best for it of those that
its provider sells. Success is the model of docs/value.md, not a measurement:
each hard turn on a model keeps the task solvable with (R / best) ** (1 / 37). The
configuration's endpoints need prices and ``success``.
"""

from __future__ import annotations

import statistics
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from openhands_tiered_router.config import load_config, policy_of, tier_set
from openhands_tiered_router.policy.economics.lifetime import for_an_hour, sells_hour
from openhands_tiered_router.policy.engine import Engine
from openhands_tiered_router.policy.rules import RULES
from openhands_tiered_router.policy.value.turns import losses
from openhands_tiered_router.record.replay.costs import session_cost
from openhands_tiered_router.record.replay.recordings import read_recordings
from openhands_tiered_router.record.replay.run import ReplayedTurn, replay
from openhands_tiered_router.tiers import Endpoint


VALUES = (1.0, 5.0, 20.0)


def worth(
    turns: Sequence[ReplayedTurn], served: Sequence[Endpoint], value: float, best: float
) -> float:
    """USD that a session is worth when those endpoints serve its turns."""
    kept = 1.0
    for turn, endpoint in zip(turns, served, strict=True):
        assert endpoint.success is not None
        hard, mechanical = losses(1.0, endpoint.success, best)
        kept *= 1.0 - (hard if turn.hard else mechanical) / best
    return value * best * kept - sum(session_cost(turns, served))


def main() -> None:
    sessions = list(read_recordings(Path(sys.argv[1])))
    config = load_config(Path(sys.argv[2]))
    scale = float(sys.argv[3]) if len(sys.argv) > 3 else 1.0
    tiers = tier_set(config)
    best = max(e.success or 0.0 for e in tiers.endpoints)
    hours = [for_an_hour(e) for e in tiers.endpoints if sells_hour(e)]
    singles = (*tiers.endpoints, *hours)
    for value in VALUES:
        policy = policy_of(config).model_copy(update={"task_value": value})
        replayed = [replay(Engine(tiers, RULES, policy), s, scale) for s in sessions]
        served = [[t.served for t in turns] for turns in replayed]
        routed = statistics.fmean(
            worth(turns, chosen, value, best)
            for turns, chosen in zip(replayed, served, strict=True)
        )
        alone = {
            f"{e.key} ({e.cache_ttl:g} s)": statistics.fmean(
                worth(turns, [e] * len(turns), value, best) for turns in replayed
            )
            for e in singles
        }
        single = max(alone, key=lambda key: alone[key])
        counts = Counter(str(e.tier) for chosen in served for e in chosen)
        shares = ", ".join(f"{t} {n}" for t, n in counts.most_common())
        print(
            f"{value:g} USD a task: routed {routed:.3f} a session ({shares}); best "
            f"single model {single} {alone[single]:.3f} "
            f"({routed / alone[single] - 1:+.1%})",
            flush=True,
        )


if __name__ == "__main__":
    main()
