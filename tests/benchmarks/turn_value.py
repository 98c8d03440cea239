"""What recorded sessions would have been worth, routed and on each model alone.

    python tests/benchmarks/turn_value.py sessions.jsonl.gz router.toml [TIME_SCALE]

Prints USD a session at 1, 5 and 20 USD a solved task, for the router and for the best
single model on every turn, at the cache lifetime that is best for it of those that
its provider sells. Success is the model of docs/value.md, not a measurement:
each hard turn on a model keeps the task solvable with (R / best) ** (1 / 37). The
configuration's endpoints need prices and ``success``.

Then what hindsight would add, relative to the best single model, with the difference's
standard error over sessions for the router itself:

- each session's model: the best single one of each session;
- kinds known: the router, told whether each coming turn is hard;
- future known: the best sequence of two models when the sizes and times of all turns
  are known, and of their kinds the router's probabilities;
- all known: the same with the kinds.
"""

from __future__ import annotations

import math
import statistics
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import combinations
from pathlib import Path

from openhands_tiered_router.config import load_config, policy_of, tier_set
from openhands_tiered_router.policy.economics.costs import call_cost
from openhands_tiered_router.policy.economics.lifetime import for_an_hour, sells_hour
from openhands_tiered_router.policy.engine import Engine
from openhands_tiered_router.policy.rules import RULES, standard_rules
from openhands_tiered_router.policy.session import SessionState
from openhands_tiered_router.policy.value.turns import HARD_TURNS, SLIP
from openhands_tiered_router.record.replay.costs import prices_of, session_cost
from openhands_tiered_router.record.replay.recordings import read_recordings
from openhands_tiered_router.record.replay.run import ReplayedTurn, replay
from openhands_tiered_router.record.replay.sessions import RecordedSession
from openhands_tiered_router.tiers import Endpoint


VALUES = (1.0, 5.0, 20.0)
KEPT = 0.9
"""Of a task's success, what a turn's loss is taken of: sessions keep .8 to 1."""

Turns = Sequence[ReplayedTurn]
State = tuple[int, int]
"""Who of two serves, and the turn that the other last served, or -1."""


class Told:
    """Stands in for the model of the coming turn: knows whether it is hard."""

    def __init__(self, turns: Turns) -> None:
        self._hard = [turn.hard for turn in turns]

    def probability(self, session: SessionState) -> float:
        return 0.0 if self._hard[session.turns] else 1.0


def lost(endpoint: Endpoint, best: float, hard: float) -> float:
    """Logarithm of what a turn keeps of the success, for its chance of being hard."""
    assert endpoint.success is not None
    share = hard + (1.0 - hard) * SLIP
    return -math.log(endpoint.success / best) * share / HARD_TURNS


def worth(turns: Turns, served: Sequence[Endpoint], value: float, best: float) -> float:
    """USD that a session is worth when those endpoints serve its turns."""
    pairs = zip(turns, served, strict=True)
    kept = math.exp(-sum(lost(e, best, float(turn.hard)) for turn, e in pairs))
    return value * best * kept - sum(session_cost(turns, served))


def foreseen(
    turns: Turns, pair: tuple[Endpoint, Endpoint], stakes: float, hard: Sequence[float]
) -> list[Endpoint]:
    """The sequence of two models that costs and loses least, the future known.

    Exact dynamic programme over who serves and when the other last did.
    """

    strongest = max(e.success or 0.0 for e in pair)

    def price(m: int, last: int, k: int) -> float:
        turn, e = turns[k], pair[m]
        alive = last >= 0 and turn.start - turns[last].start <= e.cache_ttl
        usage = turn.turn.usage
        warm = turns[last].turn.usage.prompt if alive else 0
        cost = call_cost(
            prices_of(e), prompt=usage.prompt, warm=warm, output=usage.completion
        )
        return cost + stakes * lost(e, strongest, hard[k])

    least: dict[State, float] = {(m, -1): price(m, -1, 0) for m in (0, 1)}
    came: list[dict[State, State]] = []
    for k in range(1, len(turns)):
        coming: dict[State, float] = {}
        back: dict[State, State] = {}
        for state, spent in least.items():
            serves, other_last = state
            for m in (0, 1):
                last = k - 1 if m == serves else other_last
                to = (m, other_last if m == serves else k - 1)
                total = spent + price(m, last, k)
                if total < coming.get(to, math.inf):
                    coming[to], back[to] = total, state
        least = coming
        came.append(back)
    state = min(least, key=lambda s: least[s])
    served = [pair[state[0]]]
    for back in reversed(came):
        state = back[state]
        served.append(pair[state[0]])
    return served[::-1]


def best_pair(
    turns: Turns, models: Sequence[Endpoint], value: float, hard: Sequence[float]
) -> list[Endpoint]:
    """The best of such sequences over all pairs of models."""
    best = max(e.success or 0.0 for e in models)

    def expected(served: Sequence[Endpoint]) -> float:
        kept = sum(lost(e, best, h) for e, h in zip(served, hard, strict=True))
        return value * best * math.exp(-kept) - sum(session_cost(turns, served))

    ways = (
        foreseen(turns, pair, value * best * KEPT, hard)
        for pair in combinations(models, 2)
    )
    return max(ways, key=expected)


def ahead(values: Iterable[float], single: Sequence[float]) -> str:
    gained = [a - b for a, b in zip(values, single, strict=True)]
    error = statistics.stdev(gained) / len(gained) ** 0.5 / statistics.fmean(single)
    share = statistics.fmean(gained) / statistics.fmean(single)
    return f"{share:+.1%} (s.e. {error:.1%})"


def hindsight(
    engine: Engine,
    sessions: Sequence[RecordedSession],
    runs: Sequence[Turns],
    scale: float,
) -> dict[str, list[float]]:
    """What each session would be worth with more known, by name."""
    models, value = engine.tiers.endpoints, engine.policy.task_value
    best = max(e.success or 0.0 for e in models)
    told, unsure, sure = [], [], []
    for session, turns in zip(sessions, runs, strict=True):
        rules = standard_rules(next_turn=Told(turns))
        again = replay(Engine(engine.tiers, rules, engine.policy), session, scale)
        told.append(worth(turns, [t.served for t in again], value, best))
        chances = [1.0 - (t.decision.p_mechanical or 0.0) for t in turns]
        for found, hard in ((unsure, chances), (sure, [float(t.hard) for t in turns])):
            way = best_pair(turns, models, value, hard)
            found.append(worth(turns, way, value, best))
    return {"kinds known": told, "future known": unsure, "all known": sure}


def main() -> None:
    sessions = list(read_recordings(Path(sys.argv[1])))
    config = load_config(Path(sys.argv[2]))
    scale = float(sys.argv[3]) if len(sys.argv) > 3 else 1.0
    tiers = tier_set(config)
    best = max(e.success or 0.0 for e in tiers.endpoints)
    hours = (for_an_hour(e) for e in tiers.endpoints if sells_hour(e))
    singles = (*tiers.endpoints, *hours)
    for value in VALUES:
        policy = policy_of(config).model_copy(update={"task_value": value})
        engine = Engine(tiers, RULES, policy)
        runs = [replay(engine, s, scale) for s in sessions]
        routed = [worth(r, [t.served for t in r], value, best) for r in runs]
        alone = [[worth(r, [e] * len(r), value, best) for r in runs] for e in singles]
        at = max(range(len(singles)), key=lambda i: sum(alone[i]))
        counts = Counter(str(t.served.tier) for turns in runs for t in turns)
        shares = ", ".join(f"{t} {n}" for t, n in counts.most_common())
        print(
            f"{value:g} USD a task: routed {statistics.fmean(routed):.3f} a session "
            f"({shares}); best single model {singles[at].key} "
            f"({singles[at].cache_ttl:g} s) {statistics.fmean(alone[at]):.3f}; "
            f"{ahead(routed, alone[at])}",
            flush=True,
        )
        each = list(map(max, zip(*alone, strict=True)))
        known = {"each session's model": each}
        known |= hindsight(engine, sessions, runs, scale)
        for name, values in known.items():
            print(f"    {name}: {ahead(values, alone[at])}", flush=True)


if __name__ == "__main__":
    main()
