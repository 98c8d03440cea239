"""What SQL adds up equals what is added up by hand from the rows."""

from __future__ import annotations

import importlib.util
import math
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from openhands_tiered_router.record.telemetry.aggregates import By, groups
from openhands_tiered_router.record.telemetry.assess import assess, misroutes
from openhands_tiered_router.record.telemetry.events import guard_events, verdicts
from openhands_tiered_router.record.telemetry.facts import TurnFacts, turn_facts
from openhands_tiered_router.record.telemetry.percentiles import Measure, percentiles
from openhands_tiered_router.record.telemetry.quality import Provision, Sign
from openhands_tiered_router.record.telemetry.query import TelemetryFile
from openhands_tiered_router.record.telemetry.records import ToolResult, ToolStatus
from openhands_tiered_router.record.telemetry.store import Store
from openhands_tiered_router.tiers import Tier


TURNS = 700


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    script = Path(__file__).parents[2] / "benchmarks" / "synthetic.py"
    spec = importlib.util.spec_from_file_location("synthetic", script)
    assert spec is not None
    assert spec.loader is not None
    synthetic = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(synthetic)
    path = tmp_path_factory.mktemp("state") / "telemetry.sqlite3"
    synthetic.fill(path, TURNS)
    assert assess(path, 60).left == 0
    return path


@pytest.fixture
def file(filled: Path) -> TelemetryFile:
    return TelemetryFile(filled)


@pytest.fixture
def facts(file: TelemetryFile) -> list[TurnFacts]:
    found = list(turn_facts(file))
    assert len(found) == TURNS
    return found


def day(fact: TurnFacts) -> str:
    assert fact.time is not None
    return datetime.fromtimestamp(fact.time, UTC).date().isoformat()


KEYS: dict[By, Callable[[TurnFacts], str | None]] = {
    "tier": lambda f: str(f.served_tier),
    "endpoint": lambda f: f.served_endpoint,
    "model": lambda f: f.served_model,
    "day": day,
    "purpose": lambda f: f.purpose,
    "conversation": lambda f: f.conversation_id,
    "provision": lambda f: f.provision,
}


@pytest.mark.parametrize("by", [(), *((b,) for b in KEYS), ("day", "tier")])
def test_sums_are_those_of_the_rows(
    file: TelemetryFile, facts: list[TurnFacts], by: tuple[By, ...]
) -> None:
    expected: dict[tuple, list[TurnFacts]] = defaultdict(list)
    for fact in facts:
        expected[tuple(KEYS[b](fact) for b in by)].append(fact)
    found = {g.key: g for g in groups(file, by)}
    assert found.keys() == expected.keys()
    for key, rows in expected.items():
        group = found[key]
        assert group.calls == group.answered == len(rows)
        assert group.cost == pytest.approx(sum(f.cost or 0.0 for f in rows))
        assert group.usage.prompt == sum(f.usage.prompt for f in rows)
        assert group.usage.cache_read == sum(f.usage.cache_read for f in rows)
        assert group.failovers == sum(f.requests > 1 for f in rows)
        assert group.moved == sum(f.moved is True for f in rows)
        assert group.held == sum(f.moved is False for f in rows)
        assert group.hard == sum(f.hard is True for f in rows)
        assert group.leaked == sum(leaked(f) for f in rows)
        known = [f.quality for f in rows if f.quality is not None]
        assert group.assessed == len(known)
        assert group.quality == pytest.approx(sum(known) / len(known))


def leaked(fact: TurnFacts) -> bool:
    served = fact.served_tier
    assert served is not None
    weighed = None if fact.weighed is None else Tier.of(fact.weighed)
    return bool(fact.hard) and weighed is not None and weighed > served


@pytest.mark.parametrize("measure", ["seconds", "first_token_seconds", "overhead_us"])
@pytest.mark.parametrize("by", [(), ("tier",), ("day", "endpoint")])
def test_percentiles_are_those_of_the_rows(
    file: TelemetryFile, facts: list[TurnFacts], measure: Measure, by: tuple[By, ...]
) -> None:
    expected: dict[tuple, list[float]] = defaultdict(list)
    for fact in facts:
        key = tuple(KEYS[b](fact) for b in by)
        expected[key].append(getattr(fact, measure))
    found = {p.key: p for p in percentiles(file, measure, by)}
    assert found.keys() == expected.keys()
    for key, values in expected.items():
        values.sort()
        ranks = [math.ceil(len(values) * p / 100) - 1 for p in (50, 95, 99)]
        p = found[key]
        assert [p.p50, p.p95, p.p99] == pytest.approx([values[r] for r in ranks])
        assert p.count == len(values)


def test_a_span_of_time_is_that(file: TelemetryFile, facts: list[TurnFacts]) -> None:
    times = sorted(f.time or 0.0 for f in facts)
    (group,) = groups(file, (), since=times[10], until=times[30])
    assert group.calls == 20
    (found,) = percentiles(file, "seconds", (), since=times[10], until=times[30])
    assert found.count == 20
    assert len(list(turn_facts(file, times[10], times[30]))) == 20


def test_a_missing_file_has_nothing(path: Path) -> None:
    file = TelemetryFile(path)
    assert groups(file, ("tier",)) == []
    assert percentiles(file, "seconds") == []
    assert list(turn_facts(file)) == guard_events(file) == verdicts(file) == []
    assert misroutes(file) == []
    assert (assess(path).done, assess(path).left) == (0, 0)


def test_one_decision_is_found_by_its_id(
    file: TelemetryFile, facts: list[TurnFacts]
) -> None:
    turn = file.decision(facts[300].decision_id)
    assert turn is not None
    assert turn.decision is not None
    assert len(turn.decision.dimensions) == 15
    assert (turn.turn, turn.quality) == (facts[300].turn, facts[300].quality)
    assert file.decision("01900000-0000-7000-8000-000000000000") is None


def test_the_newest_turns_are_the_last(
    file: TelemetryFile, facts: list[TurnFacts]
) -> None:
    latest = sorted(facts, key=lambda f: f.time or 0.0)[-5:]
    assert [t.decision_id for t in file.newest(5)] == [f.decision_id for f in latest]


def test_prices_of_then_are_kept(file: TelemetryFile, facts: list[TurnFacts]) -> None:
    (tiers,) = file.tier_sets().values()
    assert [e.key for e in tiers.endpoints] == [str(t) for t in Tier]
    simple = tiers.endpoints[0].prices
    assert simple is not None
    assert simple.cache_write == pytest.approx(1.25e-6)
    assert {f.tier_set for f in facts} == set(file.tier_sets())


def test_misroutes_are_the_worst_of_what_was_misprovisioned(
    file: TelemetryFile, facts: list[TurnFacts]
) -> None:
    wrong = [f for f in facts if f.provision in (Provision.OVER, Provision.UNDER)]
    found = misroutes(file, limit=1_000)
    assert {m.decision_id for m in found} == {f.decision_id for f in wrong}
    scores = [m.quality or 0 for m in found]
    assert scores == sorted(scores)
    assert misroutes(file, limit=3) == found[:3]
    for m in found:
        sign = Sign.OVERPAID if m.provision is Provision.OVER else Sign.LEAKED
        assert sign in m.signs


def test_events_and_verdicts_come_in_order(file: TelemetryFile) -> None:
    events = guard_events(file)
    assert [e.kind for e in events] == ["soft_limit", "opened", "closed"]
    assert guard_events(file, guard="budget")[0].detail == {"limit": "day"}
    said = verdicts(file)
    assert len(said) == 4 + 2
    assert [v.time for v in said] == sorted(v.time for v in said)
    mine = verdicts(file, conversation_id=said[0].conversation_id)
    assert [v.judge for v in mine] == ["verifier", "ci"]


def test_what_comes_later_is_judged_anew(filled: Path, file: TelemetryFile) -> None:
    last = max(turn_facts(file), key=lambda f: f.time or 0.0)
    assert last.conversation_id is not None
    assert assess(filled).done == 0
    turn = file.decision(last.decision_id)
    assert turn is not None
    store = Store(filled)
    late = ToolResult(
        conversation_id=last.conversation_id,
        response_id=turn.outcome.response_id if turn.outcome else None,
        tool_call_id="another",
        tool_name="terminal",
        time=(last.time or 0.0) + 1,
        status=ToolStatus.INVALID,
        failed=True,
    )
    store.write([late])
    store.close()
    assert assess(filled).done == 1
    again = max(turn_facts(file), key=lambda f: f.time or 0.0)
    assert again.tool_calls == last.tool_calls + 1
    assert set(again.quality_reasons) >= {Sign.INVALID}
    assert (again.quality or 0) < (last.quality or 0)


def test_judging_tells_how_far_it_is_and_may_be_stopped(tmp_path: Path) -> None:
    path = tmp_path / "telemetry.sqlite3"
    store = Store(path)
    calls = [f"talk {n}" for n in range(45)]
    store.write([tool_result(name) for name in calls])
    store.close()

    def stop(done: int, whole: int) -> None:
        assert (done, whole) == (20, 45)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        assess(path, 60, stop)
    told: list[tuple[int, int]] = []
    assert assess(path, 60, lambda *far: told.append(far)).done == 25
    assert told == [(20, 25), (25, 25)]


def tool_result(talk: str) -> ToolResult:
    return ToolResult(
        conversation_id=talk,
        response_id="answer",
        tool_call_id="call",
        tool_name="terminal",
        time=1_750_000_000.0,
    )
