"""What routing saves on sessions whose task the next-turn model never saw.

    python tests/benchmarks/held_out_replay.py CONFIG.toml... SESSIONS...

SESSIONS are JSON Lines files as for ``tiered-router calibrate``, one for each agent;
each turn gets the probability of the cross-validation, grouped by task, that the
model is fitted with. Prints by agent, with 95 % bootstrap intervals over tasks, at 1
and 10 times the recorded times:

- cost: relative to always the base tier;
- under-routed: share of hard turns that went below the base tier;
- loss: what the policy's model says was lost of success, given what each turn really
  was, as a share of what it expected to lose when it chose. 1: it knew; above: turns
  were harder than it believed.
"""

import random
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from openhands_tiered_router.config import load_config, policy_of, tier_set
from openhands_tiered_router.policy.difficulty.next_turn import NextTurnModel
from openhands_tiered_router.policy.engine import Engine
from openhands_tiered_router.policy.rules import RULES, standard_rules
from openhands_tiered_router.policy.session import SessionState
from openhands_tiered_router.policy.value.turns import SLIP
from openhands_tiered_router.record.calibrate.next_turn import fit_next_turn
from openhands_tiered_router.record.replay.costs import session_cost
from openhands_tiered_router.record.replay.recordings import read_recordings
from openhands_tiered_router.record.replay.run import ReplayedTurn, replay
from openhands_tiered_router.record.replay.sessions import RecordedSession


SCALES = (1.0, 10.0)
RESAMPLES = 2_000
FIGURES = ("cost", "under-routed", "loss")


@dataclass(frozen=True)
class HeldOut:
    """Stands in for the model in one session."""

    session: str
    probabilities: Mapping[tuple[str, int], float]

    def probability(self, state: SessionState) -> float:
        return self.probabilities[self.session, state.turns]


@dataclass(frozen=True)
class Outcome:
    """One session: USD routed and always on the base tier, hard turns below it,
    success expected to be lost and lost, USD."""

    task: str
    routed: float
    always: float
    below: int
    hard: int
    expected: float
    lost: float


def outcome(
    engine: Engine, session: RecordedSession, held_out: HeldOut, scale: float
) -> Outcome:
    model = cast(NextTurnModel, held_out)
    rules = standard_rules(next_turn=model)
    turns = replay(Engine(engine.tiers, rules, engine.policy), session, scale)
    base = engine.tiers.of(engine.tiers.serving(engine.policy.base_tier))[0]
    by_key = {e.key: e for e in engine.tiers.endpoints}
    served = [by_key[turn.decision.endpoint] for turn in turns]
    below = [
        turn.hard and e.tier < base.tier for turn, e in zip(turns, served, strict=True)
    ]
    risks = [risk(turn, engine) for turn in turns]
    return Outcome(
        task=session.task,
        routed=sum(session_cost(turns, served)),
        always=sum(session_cost(turns, [base] * len(turns))),
        below=sum(below),
        hard=sum(turn.hard for turn in turns),
        expected=sum(expected for expected, _ in risks),
        lost=sum(lost for _, lost in risks),
    )


def risk(turn: ReplayedTurn, engine: Engine) -> tuple[float, float]:
    """USD that the decision expected to lose, and what it comes to in hindsight.

    The receipt has the mean over hard and mechanical; of a mechanical turn as much is
    lost as ``SLIP`` says, or nothing where no success rate is known.
    """
    decision = turn.decision
    chosen = next(c for c in decision.candidates if c.endpoint == decision.endpoint)
    if not chosen.loss or decision.p_mechanical is None:
        return 0.0, 0.0
    known = any(e.success is not None for e in engine.tiers.endpoints)
    slip, p = SLIP if known else 0.0, decision.p_mechanical
    if_hard = chosen.loss / (1.0 - p + p * slip)
    return chosen.loss, if_hard * (1.0 if turn.hard else slip)


def shares(outcomes: list[Outcome]) -> tuple[float, ...]:
    expected = sum(o.expected for o in outcomes)
    return (
        sum(o.routed for o in outcomes) / sum(o.always for o in outcomes),
        sum(o.below for o in outcomes) / sum(o.hard for o in outcomes),
        sum(o.lost for o in outcomes) / expected if expected else 1.0,
    )


def report(outcomes: list[Outcome]) -> str:
    by_task: dict[str, list[Outcome]] = {}
    for one in outcomes:
        by_task.setdefault(one.task, []).append(one)
    draw, tasks = random.Random(0), sorted(by_task)
    drawn = [
        shares([o for task in draw.choices(tasks, k=len(tasks)) for o in by_task[task]])
        for _ in range(RESAMPLES)
    ]
    texts = []
    for name, value, column in zip(
        FIGURES, shares(outcomes), zip(*drawn, strict=True), strict=True
    ):
        ordered = sorted(column)
        low, high = ordered[RESAMPLES // 40], ordered[-RESAMPLES // 40]
        texts.append(f"{name} {value:.3f} [{low:.3f}, {high:.3f}]")
    return "  ".join(texts)


def main() -> None:
    paths = [Path(argument) for argument in sys.argv[1:]]
    configs = [path for path in paths if path.suffix == ".toml"]
    agents = {
        path.name.split(".")[0]: read_recordings(path)
        for path in paths
        if path not in configs
    }
    held_out = fit_next_turn(agents).held_out
    for path in configs:
        config = load_config(path)
        engine = Engine(tier_set(config), RULES, policy_of(config))
        for scale in SCALES:
            for agent, sessions in agents.items():
                outcomes = [
                    outcome(engine, s, HeldOut(s.id, held_out), scale) for s in sessions
                ]
                name = f"{path.stem:16s} {scale:4g} x  {agent:14s}"
                print(f"{name} {report(outcomes)}", flush=True)


if __name__ == "__main__":
    main()
