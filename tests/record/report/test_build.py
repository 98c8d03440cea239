"""The report's figures against ones computed anew, row by row, from public views."""

import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean

import pytest

from openhands_tiered_router.policy.economics.costs import call_cost
from openhands_tiered_router.record.report.build import (
    Report,
    UnknownConversationError,
    build,
)
from openhands_tiered_router.record.telemetry.query import TelemetryFile
from openhands_tiered_router.record.telemetry.records import AGENT_TURN
from openhands_tiered_router.tiers import Tier


type Turns = dict[int, list[sqlite3.Row]]


@pytest.fixture(scope="module")
def report(record: Path) -> Report:
    return build(record)


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
        warm, end = 0, float("-inf")
        for r in mine:
            kept = warm if r["time"] - end <= endpoint.cache_ttl else 0
            usd += call_cost(
                endpoint.prices,
                prompt=r["prompt_tokens"],
                warm=kept,
                output=r["completion_tokens"],
            )
            warm, end = r["prompt_tokens"], r["time"] + r["seconds"]
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
    assert s.leak is not None
    assert s.leak_over_mix is not None
    assert s.leak_over_mix.value == pytest.approx(s.leak.value - (1 - s.mix))


def test_tiers_and_leak(report: Report, turns: Turns) -> None:
    leaked = 0
    for group in report.tiers:
        mine = [r for r in rows(turns) if r["served_tier"] == group.key[0]]
        hard = [r for r in mine if r["hard"] == 1]
        below = [
            r
            for r in hard
            if r["weighed"] and Tier.of(r["weighed"]) > Tier.parse(r["served_tier"])
        ]
        leaked += len(below)
        assert (group.calls, group.hard, group.leaked) == (
            len(mine),
            len(hard),
            len(below),
        )
        assert group.cost == pytest.approx(sum(r["cost"] for r in mine))
        assert group.quality == pytest.approx(fmean(r["quality"] for r in mine))
    hard = sum(r["hard"] == 1 for r in rows(turns))
    assert report.savings.leak is not None
    assert report.savings.leak.value == pytest.approx(leaked / hard)
    assert sum(g.calls for g in report.days) == len(rows(turns))


def test_percentiles(report: Report, turns: Turns) -> None:
    for latency in report.latency:
        for p in latency.groups:
            mine = [r for r in rows(turns) if r["served_tier"] == p.key[0]]
            values = sorted(
                r[latency.measure] for r in mine if r[latency.measure] is not None
            )
            at_most = sum(v <= p.p95 + 1e-9 for v in values)
            assert p.count == len(values)
            assert p.p95 == pytest.approx(values[-(-len(values) * 95 // 100) - 1])
            assert at_most >= 0.95 * len(values)


def test_caches(report: Report, turns: Turns, record: Path) -> None:
    (tiers,) = TelemetryFile(record).tier_sets().values()
    prices = {e.key: e.prices for e in tiers.endpoints}
    cost, switched = 0.0, 0
    for mine in turns.values():
        for before, r in zip(mine, mine[1:], strict=False):
            if r["served_endpoint"] == before["served_endpoint"]:
                continue
            price = prices[r["served_endpoint"]]
            assert price is not None
            kept = min(before["prompt_tokens"], r["prompt_tokens"])
            again = max(kept - r["cache_read_tokens"], 0)
            cost += again * (price.cache_write - price.cache_read)
            switched += 1
    assert report.receipts.switched == switched
    assert report.receipts.switch_cost == pytest.approx(cost)
    assert report.receipts.honoured is not None


def test_solved_tasks(report: Report, turns: Turns, record: Path) -> None:
    connection = sqlite3.connect(record)
    last: dict[int, tuple[bool, float, int]] = {}
    for key, judge, time, accepted in connection.execute(
        "SELECT conversation, judge, time, accepted FROM verdicts"
    ):
        word = (judge != "verifier", time, accepted)
        last[key] = max(word, last.get(key, word))
    connection.close()
    assert sum(s.solved for s in report.solved) == sum(a for _, _, a in last.values())
    judged = sum(s.solved + s.failed for s in report.solved)
    assert judged == len(last)
    assert sum(s.unknown for s in report.solved) == len(turns) - len(last)
    cost = sum(r["cost"] for key in last for r in turns[key])
    assert sum(s.cost for s in report.solved) == pytest.approx(cost)


def test_reliability_of_the_next_turn_model(report: Report, turns: Turns) -> None:
    known = [r for r in rows(turns) if r["p_mechanical"]]
    assert sum(b.observed.count for b in report.next_turn) == len(known)
    assert sum(b.observed.hits for b in report.next_turn) == sum(
        r["hard"] == 0 for r in known
    )
    # The synthetic odds are true by construction.
    assert report.next_turn_error is not None
    assert report.next_turn_error < 0.1


def test_one_conversation(record: Path, turns: Turns) -> None:
    (first, *_) = TelemetryFile(record).conversations()
    found = build(record, conversation_id=first.conversation_id)
    assert found.savings.conversations == 1
    assert found.savings.spent == pytest.approx(first.totals.cost)
    assert sum(g.calls for g in found.tiers) == first.totals.calls
    assert all(a.saving and a.saving.low is None for a in found.savings.alternatives)
    with pytest.raises(UnknownConversationError, match="no conversation nobody"):
        build(record, conversation_id="nobody")


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
    assert found.tiers == ()
    assert found.savings.alternatives == ()
