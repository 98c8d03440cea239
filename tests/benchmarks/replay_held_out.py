"""What routing would have cost on recorded sessions, by a model that never saw them.

    uv run --extra calibrate python tests/benchmarks/replay_held_out.py \
        SESSIONS.jsonl.gz CONFIG.toml... [--time-scale 1 10 30]

``tiered-router replay`` decides with the next-turn model that is shipped, which was
fitted to the development sessions. Here each turn has the probability that cross-
validation grouped by task gives it. Prints cost relative to the base tier alone, and
the share of hard turns on a weaker tier, with 95 % bootstrap intervals over tasks.
"""

from __future__ import annotations

import argparse
import random
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from openhands_tiered_router.calibrate.next_turn import fit_next_turn
from openhands_tiered_router.config import open_config, policy_of, tier_set
from openhands_tiered_router.core.engine import Engine
from openhands_tiered_router.core.rules import RULES, NextTurn
from openhands_tiered_router.core.session import SessionState
from openhands_tiered_router.replay.costs import session_cost
from openhands_tiered_router.replay.run import replay
from openhands_tiered_router.replay.sessions import RecordedSession, read_sessions


DRAWS = 2000


@dataclass
class HeldOut:
    """The cross-validated probability of each turn of the session at hand."""

    table: Mapping[tuple[str, int], float]
    of: str = ""
    """Id of the recorded session."""

    def probability(self, session: SessionState) -> float:
        if session.must_be_hard:
            return 0.0
        return self.table.get((self.of, session.turns), 0.0)


@dataclass(frozen=True)
class Outcome:
    """One session's."""

    task: str
    cost: float
    base_cost: float
    leaked: int
    hard: int


def outcomes(
    sessions: Iterable[RecordedSession],
    config: Path,
    scale: float,
    table: Mapping[tuple[str, int], float],
) -> list[Outcome]:
    opened = open_config(config)
    tiers, policy = tier_set(opened), policy_of(opened)
    model = HeldOut(table)
    rules = [NextTurn(model) if isinstance(r, NextTurn) else r for r in RULES]
    engine = Engine(tiers, rules, policy)
    base = tiers.of(tiers.serving(policy.base_tier))[0]
    endpoints = {e.key: e for e in tiers.endpoints}
    found = []
    for session in sessions:
        model.of = session.id
        turns = replay(engine, session, scale)
        served = [endpoints[t.decision.endpoint] for t in turns]
        weak = [e.tier < base.tier for e in served]
        found.append(
            Outcome(
                task=session.task,
                cost=sum(session_cost(turns, served)),
                base_cost=sum(session_cost(turns, [base] * len(turns))),
                leaked=sum(t.hard and w for t, w in zip(turns, weak, strict=True)),
                hard=sum(t.hard for t in turns),
            )
        )
    return found


def figures(found: Sequence[Outcome]) -> tuple[float, float]:
    """Relative cost and leak."""
    cost = sum(o.cost for o in found) / sum(o.base_cost for o in found)
    return cost, sum(o.leaked for o in found) / sum(o.hard for o in found)


def interval(found: Sequence[Outcome]) -> list[tuple[float, float]]:
    """95 % intervals of both, tasks drawn with replacement."""
    drawn = random.Random(0)
    by_task: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in found:
        by_task[outcome.task].append(outcome)
    tasks = sorted(by_task)
    samples = [
        figures([o for t in drawn.choices(tasks, k=len(tasks)) for o in by_task[t]])
        for _ in range(DRAWS)
    ]
    sides = [sorted(side) for side in zip(*samples, strict=True)]
    return [(s[int(DRAWS * 0.025)], s[int(DRAWS * 0.975)]) for s in sides]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sessions", type=Path)
    parser.add_argument("configs", type=Path, nargs="+")
    parser.add_argument("--time-scale", type=float, nargs="+", default=[1, 10, 30])
    given = parser.parse_args()
    sessions = read_sessions(given.sessions)
    fit = fit_next_turn(sessions)
    turns = sum(len(s.turns) for s in sessions)
    print(f"{len(sessions)} sessions, {turns} turns; {DRAWS} bootstrap draws of tasks")
    for config in given.configs:
        for scale in given.time_scale:
            found = outcomes(sessions, config, scale, fit.held_out)
            (cost, leak), (costs, leaks) = figures(found), interval(found)
            print(
                f"{config.stem:16} x{scale:<4g} "
                f"cost {cost:.3f} ({costs[0]:.3f}-{costs[1]:.3f})  "
                f"leak {leak:.3f} ({leaks[0]:.3f}-{leaks[1]:.3f})",
                flush=True,
            )


if __name__ == "__main__":
    main()
