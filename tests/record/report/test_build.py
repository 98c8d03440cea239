"""The report's figures against ones computed anew, row by row, from public views."""

import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from openhands_tiered_router.policy.decision import Decision
from openhands_tiered_router.policy.economics.costs import call_cost
from openhands_tiered_router.policy.outcome import Outcome
from openhands_tiered_router.record.report.build import Report, build
from openhands_tiered_router.record.report.savings import Alternative
from openhands_tiered_router.record.report.words import (
    alone_name,
    caches,
    left_out,
    split,
)
from openhands_tiered_router.record.telemetry.query import TelemetryFile
from openhands_tiered_router.record.telemetry.records import AGENT_TURN, routed
from openhands_tiered_router.record.telemetry.store import Store
from openhands_tiered_router.tiers import Tier


type Turns = dict[int, list[sqlite3.Row]]


# One worker: each would make the record anew.
pytestmark = pytest.mark.xdist_group("report")


@pytest.fixture(scope="module")
def report(record: Path) -> Report:
    return build(record, most=100, details=True)


@pytest.fixture(scope="module")
def turns(record: Path) -> Iterator[Turns]:
    connection = sqlite3.connect(record)
    connection.row_factory = sqlite3.Row
    found: Turns = defaultdict(list)
    for row in connection.execute("SELECT * FROM decisions ORDER BY time"):
        assert row["purpose"] == AGENT_TURN == "agent"
        found[row["conversation"]].append(row)
    yield found
    connection.close()


def rows(turns: Turns) -> list[sqlite3.Row]:
    return [r for mine in turns.values() for r in mine]


def single(turns: Turns, record: Path, tier: Tier) -> float:
    """USD, had that tier served all: call by call, as the economics counts it."""
    (tiers,) = TelemetryFile(record).tier_sets().values()
    endpoint = tiers.of(tier)[0]
    assert endpoint.prices is not None
    usd = 0.0
    for mine in turns.values():
        warm, began = 0, float("-inf")
        for r in mine:
            kept = warm if r["time"] - began <= endpoint.cache_ttl else 0
            usd += call_cost(
                endpoint.prices,
                prompt=r["prompt_tokens"],
                warm=kept,
                output=r["completion_tokens"],
            )
            warm, began = r["prompt_tokens"], r["time"]
    return usd


def test_spend_and_what_single_models_would_have_cost(
    report: Report, turns: Turns, record: Path
) -> None:
    spent = sum(r["cost"] for r in rows(turns))
    assert report.savings.spent == pytest.approx(spent)
    assert report.savings.left_out == pytest.approx(0, abs=1e-9)
    for other in report.savings.alternatives:
        usd = single(turns, record, Tier.parse(other.tier))
        assert other.usd == pytest.approx(usd)
        assert other.saving is not None
        assert other.saving.value == pytest.approx(1 - spent / usd)


def test_the_split_adds_up_to_the_whole_saving(report: Report) -> None:
    s = report.savings
    top = next(a for a in s.alternatives if a.tier == s.top)
    assert s.by_model is not None
    assert s.by_routing is not None
    whole = s.by_model.value + s.by_routing.value
    assert whole == pytest.approx(top.usd - s.spent)
    assert (s.top, s.base, s.best) == ("reasoning", "complex", "complex")


def test_the_random_mix_costs_what_was_spent(
    report: Report, turns: Turns, record: Path
) -> None:
    s = report.savings
    strong = single(turns, record, Tier.COMPLEX)
    weak = single(turns, record, Tier.SIMPLE)
    assert s.mix is not None
    assert s.mix * strong + (1 - s.mix) * weak == pytest.approx(s.spent)
    assert s.under_routed is not None
    assert s.under_over_mix is not None
    assert s.under_over_mix.value == pytest.approx(s.under_routed.value - (1 - s.mix))
    (said,) = [line for line in split(report) if "at random" in line]
    assert f"under-route {1 - s.mix:.0%};" in said


def test_tiers_and_under_routing(report: Report, turns: Turns) -> None:
    under = 0
    for group in report.tiers:
        mine = [r for r in rows(turns) if r["served_tier"] == group.key[0]]
        hard = [r for r in mine if r["hard"] == 1]
        below = [
            r
            for r in hard
            if r["weighed_tier"]
            and Tier.parse(r["weighed_tier"]) > Tier.parse(r["served_tier"])
        ]
        under += len(below)
        assert (group["calls"], group["hard"], group["under_routed"]) == (
            len(mine),
            len(hard),
            len(below),
        )
        assert group["cost"] == pytest.approx(sum(r["cost"] for r in mine))
    hard = sum(r["hard"] == 1 for r in rows(turns))
    assert report.savings.under_routed is not None
    assert report.savings.under_routed.value == pytest.approx(under / hard)
    assert sum(g["calls"] for g in report.days) == len(rows(turns))
    assert report.task_count == len(turns)


def test_percentiles(report: Report, turns: Turns) -> None:
    assert report.latency
    for p in report.latency:
        mine = [r for r in rows(turns) if r["served_endpoint"] == p.endpoint]
        values = sorted(r[p.measure] for r in mine if r[p.measure] is not None)
        assert p.count == len(values)
        assert p.p95 == pytest.approx(values[-(-len(values) * 95 // 100) - 1])
        assert sum(v <= p.p95 + 1e-9 for v in values) >= 0.95 * len(values)


def test_caches(report: Report, turns: Turns, record: Path) -> None:
    (tiers,) = TelemetryFile(record).tier_sets().values()
    known = {e.key: e for e in tiers.endpoints}
    cost, moved = 0.0, 0
    for mine in turns.values():
        for before, r in zip(mine, mine[1:], strict=False):
            if r["served_endpoint"] == before["served_endpoint"]:
                continue
            price = known[r["served_endpoint"]].prices
            assert price is not None
            kept = min(before["prompt_tokens"], r["prompt_tokens"])
            gap = r["time"] - before["time"]
            if gap > known[before["served_endpoint"]].cache_ttl:
                kept = 0
            again = max(kept - r["cache_read_tokens"], 0)
            cost += again * (price.cache_write - price.cache_read)
            moved += 1
    assert report.whole["moved"] == moved > 0
    assert report.whole["rewrite_usd"] == pytest.approx(cost)


def test_a_task_has_its_own_sums(report: Report, turns: Turns, record: Path) -> None:
    assert len(report.tasks) == len(turns)
    assert report.tasks == tuple(sorted(report.tasks, key=lambda t: -t.last))
    for task in report.tasks:
        calls = list(TelemetryFile(record).calls(conversation_id=task.conversation_id))
        cost = sum(call.cost or 0.0 for call in calls)
        assert (task.calls, task.cost) == (len(calls), pytest.approx(cost))
    alone = report.savings.alone
    assert alone is not None
    assert sum(t.alone or 0 for t in report.tasks) == pytest.approx(alone.usd)
    mistakes = sum(t.too_weak + t.too_strong for t in report.tasks)
    wrong = [r for r in rows(turns) if r["provision"] in ("over", "under")]
    assert mistakes == len(wrong) > 0


def test_solved_tasks(report: Report, turns: Turns, record: Path) -> None:
    connection = sqlite3.connect(record)
    last: dict[int, tuple[bool, float, int]] = {}
    for key, judge, time, accepted in connection.execute(
        "SELECT conversation, judge, time, accepted FROM verdicts"
    ):
        word = (judge != "verifier", time, accepted)
        last[key] = max(word, last.get(key, word))
    connection.close()
    whole = report.solved
    assert whole.solved == sum(a for _, _, a in last.values())
    assert whole.solved + whole.failed == len(last)
    assert whole.unknown == len(turns) - len(last)
    cost = sum(r["cost"] for key in last for r in turns[key])
    assert whole.cost == pytest.approx(cost)


def test_one_conversation(record: Path, turns: Turns) -> None:
    name = next(TelemetryFile(record).calls()).conversation_id
    calls = list(TelemetryFile(record).calls(conversation_id=name))
    found = build(record, conversation_id=name)
    assert found.savings.conversations == 1
    assert found.savings.spent == pytest.approx(sum(c.cost or 0.0 for c in calls))
    assert sum(g["calls"] for g in found.tiers) == len(calls)
    assert all(a.saving and a.saving.low is None for a in found.savings.alternatives)
    assert build(record, conversation_id="nobody").whole["calls"] == 0


def test_a_span_keeps_what_caches_held_at_its_start(record: Path, turns: Turns) -> None:
    times = sorted(r["time"] for r in rows(turns))
    middle = times[len(times) // 2]
    halves = build(record, until=middle), build(record, since=middle)
    whole = build(record)
    for place, other in enumerate(whole.savings.alternatives):
        usd = sum(h.savings.alternatives[place].usd for h in halves)
        assert usd == pytest.approx(other.usd)


def test_a_missing_file_has_nothing(tmp_path: Path) -> None:
    found = build(tmp_path / "none.sqlite3")
    assert found.tiers == found.tasks == ()
    assert found.savings.alternatives == ()


def test_what_hours_of_cache_cost_and_saved_is_added_up(tmp_path: Path) -> None:
    path = tmp_path / "telemetry.sqlite3"
    store = Store(path)
    calls = [(0.02, 0.0), (0.0, 0.31), (0.01, 0.0), (0.0, 0.0)]
    for n, (paid, saved) in enumerate(calls):
        made = Decision(tier=Tier.SIMPLE, endpoint="simple", required=Tier.SIMPLE)
        outcome = Outcome(
            endpoint="simple", attempts=(), hour_paid=paid, hour_saved=saved
        )
        time = float(n)
        call = routed(made, outcome, decision_id=str(n), conversation_id="c", time=time)
        assert store.write([call]) == 0
    store.close()
    turns = TelemetryFile(path).turns("c")
    assert [(t.hour_paid or 0, t.hour_saved or 0) for t in turns] == calls
    whole = build(path).whole
    assert whole["hour_paid"] == pytest.approx(0.03)
    assert whole["hour_saved"] == pytest.approx(0.31)


def test_what_was_left_out_is_added_up_and_said(tmp_path: Path) -> None:
    path = tmp_path / "telemetry.sqlite3"
    store = Store(path)
    calls = [(0, 4_000, 0.01), (1_500, 4_000, 0.0125)]
    for n, (results, schemas, less) in enumerate(calls):
        made = Decision(tier=Tier.SIMPLE, endpoint="simple", required=Tier.SIMPLE)
        outcome = Outcome(
            endpoint="simple",
            attempts=(),
            spared_results=results,
            spared_schemas=schemas,
            spared_usd=less,
        )
        call = routed(made, outcome, decision_id=str(n), conversation_id="c", time=n)
        assert store.write([call]) == 0
    store.close()
    turns = TelemetryFile(path).turns("c")
    kept = [(t.spared_results or 0, t.spared_schemas, t.spared_usd) for t in turns]
    assert kept == calls
    (said,) = left_out(build(path))
    assert said.startswith(
        "1,500 tokens of old results and 8,000 tokens of tools' schemas, over all "
        "prompts: an estimated $0.0225 saved"
    )
    assert left_out(build(tmp_path / "none.sqlite3")) == []


def test_little_is_not_called_nothing(report: Report) -> None:
    still = {**report.whole.sums, "moved": 0, "held": 3, "rewrite_usd": 0}
    little = {**still, "spared_results": 46, "spared_usd": 2e-5}
    quiet = replace(report, whole=replace(report.whole, sums=little))
    assert caches(quiet).endswith("prompts read from caches; no change of endpoint")
    assert "an estimated less than $0.0001 saved" in left_out(quiet)[0]


def test_several_models_of_a_tier_are_called_by_the_tier() -> None:
    """One's name alone would claim what others are part of."""
    name = "anthropic/claude-opus-4-5"
    one = Alternative(tier="complex", models=(name,), usd=1.0, saving=None)
    two = replace(one, models=(name, "lm_studio/qwen3"))
    assert alone_name(one) == "claude-opus-4-5"
    assert alone_name(two) == "the complex tier"
