"""What is put on record comes back: exactly, in any order, next to a writer."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings, strategies as st
from msgspec import structs

from openhands_tiered_router.policy.decision import (
    Candidate,
    Decision,
    Dimension,
    Reason,
)
from openhands_tiered_router.policy.outcome import Attempt, ErrorKind, Outcome, Usage
from openhands_tiered_router.record.telemetry.query import (
    TelemetryFile,
    TelemetryReadError,
)
from openhands_tiered_router.record.telemetry.records import (
    Call,
    Loss,
    Record,
    ToolResult,
    ToolStatus,
    routed,
)
from openhands_tiered_router.record.telemetry.store import Store
from openhands_tiered_router.record.telemetry.writer import Writer
from openhands_tiered_router.tiers import Endpoint, Tier, TierSet


# Printable text without what looks like a key: test_clean has tests of the others.
words = st.text(st.characters(exclude_categories=["C", "Z"]), max_size=40).filter(
    lambda t: (
        t.isprintable()
        and not any(sign in t for sign in ("sk", "pk", "rk", "eyJ", "//", "Bearer"))
    )
)
# The file keeps six decimals.
numbers = st.integers(-(10**12), 10**12).map(lambda n: n / 1e6)
counts = st.integers(0, 2**53)
tiers = st.sampled_from(Tier)

candidates = st.builds(
    Candidate,
    endpoint=words,
    tier=tiers,
    excluded=st.none() | words,
    cost_now=st.none() | numbers,
    cost_return=st.none() | numbers,
    warm_tokens=counts,
)
decisions = st.builds(
    Decision,
    tier=tiers,
    endpoint=words,
    fallbacks=st.lists(words, max_size=4).map(tuple),
    required=tiers,
    floor=st.none() | tiers,
    cap=st.none() | tiers,
    pinned=st.booleans(),
    score=numbers,
    p_mechanical=st.none() | numbers,
    candidates=st.lists(candidates, max_size=4).map(tuple),
    reasons=st.lists(st.builds(Reason, words, words), max_size=4).map(tuple),
    dimensions=st.lists(
        st.builds(Dimension, words, numbers, numbers, words), max_size=4
    ).map(tuple),
    policy=words,
)
attempts = st.builds(
    Attempt,
    endpoint=words,
    error=st.none() | st.sampled_from(ErrorKind),
    seconds=numbers,
)
usages = st.builds(
    Usage,
    prompt=counts,
    completion=counts,
    cache_read=counts,
    cache_write=counts,
    reasoning=counts,
)
outcomes = st.builds(
    Outcome,
    endpoint=st.none() | words,
    attempts=st.lists(attempts, max_size=3).map(tuple),
    usage=usages,
    cost=st.none() | numbers,
    seconds=numbers,
    first_token_seconds=st.none() | numbers,
    response_id=st.just("r"),
)
tool_results = st.builds(
    ToolResult,
    conversation_id=st.just("c"),
    response_id=st.just("r"),
    tool_call_id=st.just("t"),
    tool_name=words,
    time=numbers,
    status=st.sampled_from(ToolStatus),
    action_kind=st.none() | words,
    exit_code=st.none() | st.integers(-1, 255),
    is_error=st.none() | st.booleans(),
    failed=st.none() | st.booleans(),
    seconds=st.none() | numbers,
    target=st.none() | st.integers(0, 2**31),
    failure=st.none() | st.integers(0, 2**31),
)


def write(path: Path, *records: Record) -> None:
    store = Store(path)
    assert store.write(records) == 0
    store.close()


def made(decision: Decision, outcome: Outcome, turn: int = 0) -> Call:
    return routed(
        decision,
        outcome,
        decision_id=f"d{turn}",
        conversation_id="c",
        turn=turn,
        purpose="agent",
        time=10.0 + turn,
        overhead_us=312,
        tiers=TIERS,
    )


SIMPLE = Decision(tier=Tier.SIMPLE, endpoint="simple", required=Tier.SIMPLE)
TIERS = TierSet(
    (
        Endpoint(key="simple", tier=Tier.SIMPLE, model="openai/small"),
        Endpoint(key="complex", tier=Tier.COMPLEX, model="openai/large"),
    )
)
ANSWERED = Outcome(
    endpoint="simple",
    attempts=(Attempt(endpoint="simple", error=None, seconds=1.5),),
    usage=Usage(prompt=100, completion=10, cache_read=80),
    cost=0.25,
    seconds=1.5,
    response_id="r",
)


@given(decisions, outcomes, tool_results)
@settings(max_examples=60, deadline=None)
def test_any_decision_comes_back_as_it_was(
    decision: Decision, outcome: Outcome, tool: ToolResult
) -> None:
    with TemporaryDirectory() as directory:
        path = Path(directory, "telemetry.sqlite3")
        call = made(decision, outcome)
        write(path, tool, call)
        (turn,) = TelemetryFile(path).turns("c")
    assert turn.decision == decision
    assert turn.tools == (tool,)
    stored = {"key": turn.key, "tier_set": turn.tier_set, "tools": turn.tools}
    assert turn == structs.replace(call, tiers=None, **stored)


def test_a_missing_file_has_no_rows(path: Path) -> None:
    file = TelemetryFile(path)
    assert file.turns("c") == []
    assert file.lost() == 0
    assert not path.parent.exists()


def test_a_file_that_was_just_begun_has_no_rows(path: Path) -> None:
    path.parent.mkdir()
    path.touch()
    assert TelemetryFile(path).turns("c") == []


def test_a_corrupt_file_is_an_error_that_says_what_to_do(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"x" * 5_000)
    with pytest.raises(TelemetryReadError, match=r"telemetry\.sqlite3.*move the file"):
        TelemetryFile(path).lost()


def test_a_newer_file_is_an_error_that_says_what_to_do(path: Path) -> None:
    write(path, made(SIMPLE, ANSWERED))
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(TelemetryReadError, match=r"version 99.*move the file away"):
        TelemetryFile(path).lost()


def test_reading_works_while_another_writes(
    path: Path, writer: Writer, record: Callable[[int], Call]
) -> None:
    writer.put(record(1))
    assert writer.flush(60)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute("DELETE FROM decisions")
        assert [t.id for t in TelemetryFile(path).turns("c")] == ["d1"]


def test_turns_come_in_order_of_time(path: Path) -> None:
    write(path, *(made(SIMPLE, ANSWERED, n) for n in (2, 0, 1)))
    assert [t.turn for t in TelemetryFile(path).turns("c")] == [0, 1, 2]


def test_tiers_and_models_are_those_of_the_endpoints(path: Path) -> None:
    failover = replace(ANSWERED, endpoint="complex")
    write(path, made(SIMPLE, failover))
    (call,) = TelemetryFile(path).calls()
    assert (call.tier, call.model) == ("simple", "openai/small")
    assert (call.served_tier, call.served_model) == ("complex", "openai/large")


def test_calls_tell_failures_and_unknown_prices_apart(path: Path) -> None:
    unpriced = Outcome(endpoint="simple", attempts=(), usage=Usage(prompt=5))
    failed = Outcome(
        endpoint=None,
        attempts=(
            Attempt(endpoint="simple", error=ErrorKind.TIMEOUT, seconds=1.0),
            Attempt(endpoint="medium", error=ErrorKind.RATE_LIMIT, seconds=1.0),
        ),
    )
    outcomes = (ANSWERED, unpriced, failed)
    write(path, *(made(SIMPLE, o, n) for n, o in enumerate(outcomes)))
    calls = list(TelemetryFile(path).calls())
    assert [c.answered for c in calls] == [True, True, False]
    assert [c.cost for c in calls] == [0.25, None, None]
    assert [c.error_kind for c in calls] == [None, None, "rate_limit"]


def test_calls_are_those_since_a_time(path: Path) -> None:
    write(path, *(made(SIMPLE, ANSWERED, n) for n in range(4)))
    assert [c.turn for c in TelemetryFile(path).calls(since=11)] == [1, 2, 3]


def test_losses_add_up(path: Path) -> None:
    write(path, Loss(time=1.0, count=2), Loss(time=2.0, count=5))
    assert TelemetryFile(path).lost() == 7
    assert TelemetryFile(path).lost(since=2.0) == 5


def test_numbers_that_sql_cannot_hold_become_unknown(path: Path) -> None:
    outcome = Outcome(endpoint="simple", attempts=(), cost=float("nan"))
    write(path, made(SIMPLE, outcome))
    (turn,) = TelemetryFile(path).turns("c")
    assert turn.cost is None
