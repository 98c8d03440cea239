"""What is kept of conversations equals what their rows say, added up by hand."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from openhands_tiered_router.policy.decision import Candidate, Decision
from openhands_tiered_router.policy.economics.costs import call_cost
from openhands_tiered_router.policy.outcome import Attempt, ErrorKind, Outcome, Usage
from openhands_tiered_router.record.report.totals import BY, Totals
from openhands_tiered_router.record.telemetry import (
    assess as assessing,
    digesting,
    removal,
)
from openhands_tiered_router.record.telemetry.aggregates import Keys, groups
from openhands_tiered_router.record.telemetry.assess import assess
from openhands_tiered_router.record.telemetry.digest import (
    Digest,
    cachings,
    decoded,
    encoded,
)
from openhands_tiered_router.record.telemetry.digesting import Names, Row, digest
from openhands_tiered_router.record.telemetry.digests import digests
from openhands_tiered_router.record.telemetry.query import TelemetryFile
from openhands_tiered_router.record.telemetry.records import (
    DecisionRecord,
    OutcomeRecord,
    Record,
    ToolResult,
    ToolStatus,
)
from openhands_tiered_router.record.telemetry.store import Store
from openhands_tiered_router.tiers import (
    Endpoint,
    LongContextPrices,
    Prices,
    Tier,
    TierSet,
)


START = 1_750_000_000.0
DEAR = LongContextPrices(
    above=900, input=2e-5, output=5e-5, cache_read=2e-6, cache_write=2.5e-5
)
TIERS = TierSet(
    (
        Endpoint(
            key="simple",
            tier=Tier.SIMPLE,
            model="m/small",
            cache_ttl=300,
            prices=Prices(input=1e-6, output=5e-6, cache_read=1e-7, cache_write=1.2e-6),
        ),
        Endpoint(
            key="complex",
            tier=Tier.COMPLEX,
            model="m/large",
            cache_ttl=1_000,
            prices=Prices(
                input=5e-6,
                output=2e-5,
                cache_read=5e-7,
                cache_write=6e-6,
                long_context=DEAR,
            ),
        ),
    )
)

TURNS = st.fixed_dictionaries(
    {
        "gap": st.sampled_from([1.0, 299.0, 301.0, 999.0, 1_500.0, 90_000.0]),
        "prompt": st.integers(0, 2_000),
        "output": st.integers(0, 500),
        "read": st.integers(0, 2_000),
        "chosen": st.sampled_from(["simple", "complex"]),
        "served": st.sampled_from(["simple", "complex", None]),
        "cost": st.none() | st.floats(0, 1),
        "ended": st.booleans(),
        "agent": st.booleans() | st.just(True),
        "weighed": st.booleans(),
        "p": st.sampled_from([None, 0.0, 0.05, 0.5, 1.0]),
        "kind": st.sampled_from([None, "read", "edit"]),
        "failed": st.booleans(),
    }
)
TURN = {
    "gap": 1.0,
    "prompt": 1_000,
    "output": 10,
    "read": 0,
    "chosen": "simple",
    "served": "simple",
    "cost": 0.1,
    "ended": True,
    "agent": True,
    "weighed": True,
    "p": 0.5,
    "kind": "read",
    "failed": False,
}
BROKEN = Digest(1, (), (0, 0, 0, 0), ())

CONVERSATIONS = st.lists(st.lists(TURNS, max_size=6), max_size=4)


def records(conversations: list[list[dict]]) -> Iterator[Record]:
    for c, turns in enumerate(conversations):
        now = START + 3_000 * c
        for t, turn in enumerate(turns):
            now += turn["gap"]
            yield from turn_records(f"talk{c}" if c else None, f"{c}-{t}", t, now, turn)


def turn_records(
    talk: str | None, name: str, number: int, now: float, turn: dict
) -> Iterator[Record]:
    tier = Tier.parse(turn["chosen"])
    other = Tier.SIMPLE if tier is Tier.COMPLEX else Tier.COMPLEX
    priced = [tier, other] if turn["weighed"] else [tier]
    yield DecisionRecord(
        decision_id=name,
        conversation_id=talk,
        turn=number,
        purpose="agent" if turn["agent"] else "title",
        time=now,
        overhead_us=100.0,
        decision=Decision(
            tier=tier,
            endpoint=str(tier),
            need=tier,
            score=0.5,
            p_mechanical=turn["p"],
            candidates=tuple(
                Candidate(endpoint=str(t), tier=t, cost_now=0.01 * t, cost_return=0.0)
                for t in priced
            ),
        ),
        tiers=TIERS,
    )
    if not turn["ended"]:
        return
    served = turn["served"]
    attempts = [Attempt(endpoint=str(tier), error=ErrorKind.OVERLOADED, seconds=1.0)]
    if served is not None:
        attempts.append(Attempt(endpoint=served, error=None, seconds=1.0))
    yield OutcomeRecord(
        decision_id=name,
        conversation_id=talk,
        time=now,
        tier=None if served is None else Tier.parse(served),
        outcome=Outcome(
            endpoint=served,
            attempts=tuple(attempts),
            usage=Usage(
                prompt=turn["prompt"],
                completion=turn["output"],
                cache_read=min(turn["read"], turn["prompt"]),
            ),
            cost=turn["cost"] if served else None,
            seconds=2.0,
            response_id=f"answer {name}",
        ),
    )
    if turn["kind"] is not None:
        yield ToolResult(
            conversation_id=talk,
            response_id=f"answer {name}",
            tool_call_id=name,
            tool_name="terminal",
            time=now,
            status=ToolStatus.DONE,
            action_kind=turn["kind"],
            failed=turn["failed"],
        )


def middle(path: Path) -> tuple[float, float]:
    """From the middle decision to the last one, that not included."""
    with closing(sqlite3.connect(path)) as connection:
        sql = "SELECT time FROM decisions ORDER BY time"
        times = [time for (time,) in connection.execute(sql)]
    return (times[len(times) // 2], times[-1]) if times else (0.0, 0.0)


def by_hand(path: Path, since: float, until: float) -> dict[str, float]:
    """Call by call, from the views that docs/telemetry.md describes."""
    sums: dict[str, float] = defaultdict(float)
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        rows = connection.execute("SELECT * FROM decisions ORDER BY time").fetchall()
    before: dict[int, sqlite3.Row] = {}
    for r in rows:
        counts = since <= r["time"] < until
        if counts and r["weighed"]:
            strong = max(Tier(r["tier_level"]), Tier.of(r["weighed"]))
            sums[f"stronger {strong}"] += 1
        if r["purpose"] != "agent":
            continue
        if counts and r["hard"] is not None and r["p_mechanical"]:
            sums["predicted"] += r["p_mechanical"]
            sums["mechanical"] += r["hard"] == 0
        if not r["answered"]:
            continue
        last = before.get(r["conversation"])
        before[r["conversation"]] = r
        if counts:
            add_turn(sums, r, last)
    return sums


def add_turn(sums: dict[str, float], r: sqlite3.Row, last: sqlite3.Row | None) -> None:
    kept = min(r["prompt_tokens"], last["prompt_tokens"]) if last else 0
    gap = r["time"] - last["time"] - last["seconds"] if last else 0.0
    if r["moved"] == 1:
        sums["again"] += max(kept - r["cache_read_tokens"], 0)
    if r["moved"] == 0 and gap <= 300:
        sums["warm"] += kept
    if r["cost"] is None:
        return
    sums["turns"] += 1
    sums["spent"] += r["cost"]
    sums["hard"] += r["hard"] == 1
    for endpoint in TIERS.endpoints:
        assert endpoint.prices is not None
        sums[f"always {endpoint.key}"] += call_cost(
            endpoint.prices,
            prompt=r["prompt_tokens"],
            warm=kept if gap <= endpoint.cache_ttl else 0,
            output=r["completion_tokens"],
        )


def added_up(totals: Totals) -> dict[str, float]:
    sums: dict[str, float] = defaultdict(float)
    for tier, count in zip(Tier, totals.stronger, strict=True):
        sums[f"stronger {tier}"] += count
    for b in totals.bins:
        sums["predicted"] += b.predicted / 1e6
        sums["mechanical"] += b.mechanical
    for caches in totals.caches.values():
        sums["again"] += caches.again
        sums["warm"] += caches.predicted
    for s in totals.sums:
        sums["turns"] += s.turns
        sums["spent"] += s.cost
        sums["hard"] += s.hard
        for endpoint in TIERS.endpoints:
            sums[f"always {endpoint.key}"] += s.single(endpoint) or 0.0
    return sums


@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(CONVERSATIONS, st.booleans())
def test_sums_are_those_of_the_rows_kept_or_not(
    tmp_path_factory: pytest.TempPathFactory,
    conversations: list[list[dict]],
    half_stale: bool,
) -> None:
    path = tmp_path_factory.mktemp("file") / "telemetry.sqlite3"
    store = Store(path)
    store.write(list(records(conversations)))
    store.close()
    assert assess(path, 60).left == 0
    if half_stale:
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("UPDATE conversations SET stale = 1 WHERE key % 2")
    file = TelemetryFile(path)
    for start, end in ((0.0, float("inf")), middle(path)):
        with file.reading() as connection:
            assert connection is not None
            totals = Totals(digests(connection, start, end), file.tier_sets())
            found = totals.groups(Keys(connection), *BY)
        same_groups(found, groups(file, BY, start, end))
        expected = by_hand(path, start, end)
        result = added_up(totals)
        for name in expected.keys() | result.keys():
            assert result[name] == pytest.approx(expected[name], abs=1e-9), name


def same_groups(found: tuple, expected: list) -> None:
    assert {g.key for g in found} == {g.key for g in expected}
    mine = {g.key: g for g in found}
    for group in expected:
        other = mine[group.key]
        for name in ("cost", "quality", "overhead_us"):
            assert getattr(other, name) == pytest.approx(getattr(group, name))
        for name in ("calls", "answered", "failed", "failovers", "unpriced", "usage"):
            assert getattr(other, name) == getattr(group, name)
        for name in ("moved", "held", "hard", "leaked", "assessed"):
            assert getattr(other, name) == getattr(group, name)


def test_a_digest_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "telemetry.sqlite3"
    store = Store(path)
    store.write(list(records([[], [TURN, TURN | {"prompt": 500}]])))
    store.close()
    with TelemetryFile(path).reading() as connection:
        assert connection is not None
        (made,) = digests(connection)
    assert decoded(made.conversation, encoded(made)) == made
    assert sum(c.calls.calls for c in made.cells) == 2
    assert assess(path).done == 1
    with TelemetryFile(path).reading() as connection:
        assert connection is not None
        (kept,) = digests(connection)
        rows = connection.execute("SELECT body FROM digests").fetchall()
    assert [decoded(kept.conversation, body) for (body,) in rows] == [kept]


@pytest.mark.parametrize("body", [b"", b"no digest", encoded(BROKEN)[:-5]])
def test_a_broken_digest_is_made_anew(tmp_path: Path, body: bytes) -> None:
    path = tmp_path / "telemetry.sqlite3"
    store = Store(path)
    store.write(list(records([[], [TURN]])))
    store.close()
    assess(path)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE digests SET body = ?", (body,))
    with TelemetryFile(path).reading() as connection:
        assert connection is not None
        (made,) = digests(connection)
    assert sum(c.calls.calls for c in made.cells) == 1


def test_many_calls_are_added_up_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [_row(n) for n in range(50)]
    names = Names(agent=1, levels={}, cachings={1: cachings(TIERS)})
    whole = digest(1, rows, names)
    monkeypatch.setattr(digesting, "_TOGETHER", 7)
    assert digest(1, rows, names) == whole


def _row(n: int) -> Row:
    known: dict[str, Any] = dict.fromkeys(Row._fields, 0) | {
        "key": n,
        "time": START + n,
        "purpose": 1 + n % 2,
        "tier_set": 1,
        "answered": 1,
        "cost": 0.25,
        "prompt_tokens": 100 * n,
        "attempts": None,
        "judged": 4,
    }
    return Row(**known)


def test_a_conversation_removed_meanwhile_leaves_no_digest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "telemetry.sqlite3"
    store = Store(path)
    store.write(list(records([[], [TURN]])))
    store.close()
    found = assessing._stale

    def then_removed(connection: sqlite3.Connection) -> list[int]:
        keys = found(connection)
        with (
            closing(sqlite3.connect(path, timeout=0.1)) as other,
            suppress(sqlite3.OperationalError),  # as it is locked
            other,
        ):
            removal.delete_conversations(other, keys)
        return keys

    monkeypatch.setattr(assessing, "_stale", then_removed)
    assess(path)
    with closing(sqlite3.connect(path)) as connection:
        kept = connection.execute("SELECT conversation FROM digests").fetchall()
        known = connection.execute("SELECT key FROM conversations").fetchall()
    assert set(kept) <= set(known)
