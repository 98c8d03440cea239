"""Where tasks start, chosen by the router, beside the best fixed way: many cells.

    python tests/benchmarks/cascade_cells.py outcomes.jsonl.gz [issues.jsonl.gz]

For each kind of work, each of four sets of models, each of three verifiers and 1, 5
and 20 USD a solved task: what the router's ways are worth, relative to the fixed way
that is best in hindsight. The router knows each model's success and cost on these very
tasks, as a user who has measured them; or the published table alone, which is over
more tasks than those that all four models tried. Texts of issues, if given, are scored
for bug fixing. Prints how many cells fall short by more than 1 and 2 %, and which.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from openhands_tiered_router.policy.chat import entries_of
from openhands_tiered_router.policy.engine import Engine
from openhands_tiered_router.policy.policy import Policy
from openhands_tiered_router.policy.request import Purpose, RoutingRequest
from openhands_tiered_router.policy.rules import RULES
from openhands_tiered_router.policy.session import SessionState
from openhands_tiered_router.policy.value.table import BENCHMARKS, Work
from openhands_tiered_router.record.calibrate.samples import (
    IssueSample,
    Task,
    read_samples,
    read_tasks,
)
from openhands_tiered_router.record.replay.outcomes import (
    Judge,
    OutcomeError,
    compare,
)
from openhands_tiered_router.tiers import Endpoint, Tier, TierSet


SETS = {
    "frontier": "DeepSeek-V4-Pro MiniMax-M3 claude-opus-4-8 claude-fable-5",
    "anthropic": "claude-sonnet-4-5 claude-opus-4-6 claude-opus-4-8 claude-fable-5",
    "openai+open": "DeepSeek-V3.2-Reasoner Kimi-K2.6 GPT-5.4 GPT-5.5",
    "small": "Nemotron-3-Nano Qwen3-Coder-Next Gemini-3-Flash claude-opus-4-8",
}
VERIFIERS = ((0.8, 0.9), (0.4, 0.97), (0.0, 1.0))
VALUES = (1.0, 5.0, 20.0)
FEW = 30
"""Tasks below which a cell is counted apart."""


@dataclass(frozen=True)
class Cell:
    name: str
    tasks: int
    routed: float
    best: float
    way: str

    @property
    def short(self) -> float:
        """How far below the best fixed way, as a share of it."""
        return (self.best - self.routed) / abs(self.best)


def tiers_of(models: str, tasks: Sequence[Task]) -> TierSet:
    """With each model's own figures on the tasks that all of them tried, if given."""
    names = models.split()
    tried = [t for t in tasks if all(_usd(t, name) is not None for name in names)]
    endpoints = []
    for tier, name in zip(Tier, names, strict=True):
        solved = spent = None
        if tried:
            solved = statistics.fmean(t.outcomes[name].solved for t in tried)
            spent = statistics.fmean(_usd(t, name) or 0.0 for t in tried)
        endpoints.append(
            Endpoint(
                key=name,
                tier=tier,
                model=name,
                cache_id=name,
                success=solved,
                task_usd=spent,
            )
        )
    return TierSet(tuple(endpoints))


def _usd(task: Task, model: str) -> float | None:
    return task.outcomes[model].usd if model in task.outcomes else None


def way_of(engine: Engine, text: str) -> Sequence[Tier]:
    session = SessionState().fold(entries_of([{"role": "user", "content": text}]))
    request = RoutingRequest(
        session_id=None, purpose=Purpose.TURN, prompt_tokens=5_000, needs_tools=True
    )
    decision = engine.decide(request, session, now=0.0)
    return decision.way or (decision.tier,)


def cell(
    tasks: list[Task], texts: dict[str, str], tiers: TierSet, policy: Policy
) -> tuple[int, float, float, str]:
    engine = Engine(tiers, RULES, policy)
    known: dict[str, Sequence[Tier]] = {}

    def decide(task: Task) -> Sequence[Tier]:
        text = texts.get(task.id, "")
        if text not in known:
            known[text] = way_of(engine, text)
        return known[text]

    judge = Judge(policy.task_value, policy.catch_rate, policy.pass_rate)
    found = compare(tasks, tiers, decide, judge)
    routed, best = found.rows[:2]
    return found.tasks, routed.worth, best.worth, best.name


def cells(tasks: list[Task], texts: dict[str, str], own: bool) -> list[Cell]:
    found = []
    for benchmark, work in BENCHMARKS.items():
        mine = [t for t in tasks if t.benchmark == benchmark]
        for (name, models), (catch, accept), value in product(
            SETS.items(), VERIFIERS, VALUES
        ):
            given = {"task_value": value, "catch_rate": catch, "pass_rate": accept}
            policy = Policy().model_copy(update={"work": work, **given})
            used = texts if work is Work.BUGS else {}
            try:
                tiers = tiers_of(models, mine if own else ())
                figures = cell(mine, used, tiers, policy)
            except OutcomeError:
                continue
            title = f"{work}, {name}, {catch:g}/{accept:g}, {value:g} USD"
            found.append(Cell(title, *figures))
    return found


def report(found: list[Cell], title: str) -> None:
    above = sum(c.short < 0 for c in found)
    off = [sum(c.short > limit for c in found) for limit in (0.01, 0.02)]
    print(
        f"{title}: {len(found)} cells; more than 1 % short {off[0]}, more than 2 % "
        f"{off[1]}; above the best fixed way {above}"
    )


def main() -> None:
    tasks = read_tasks(Path(sys.argv[1]))
    texts = {}
    if len(sys.argv) > 2:
        issues = read_samples(Path(sys.argv[2]))
        texts = {s.id: s.text for s in issues if isinstance(s, IssueSample)}
    for own, source in ((True, "own figures"), (False, "published table")):
        found = sorted(cells(tasks, texts, own), key=lambda c: -c.short)
        report([c for c in found if c.tasks >= FEW], f"{source}, {FEW} tasks or more")
        report([c for c in found if c.tasks < FEW], f"{source}, fewer than {FEW}")
        for c in [c for c in found if c.short > 0.01 and c.tasks >= FEW]:
            print(
                f"  {c.name:44s} {c.tasks:3d} tasks  {c.routed:7.3f}, best "
                f"{c.best:7.3f} ({c.way})  {-c.short:+.1%}"
            )


if __name__ == "__main__":
    main()
