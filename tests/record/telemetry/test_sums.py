"""Kept sums, live sums and sums by hand are the same, whatever the calls are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from openhands_tiered_router.policy.decision import Candidate, Decision
from openhands_tiered_router.policy.economics.costs import call_cost
from openhands_tiered_router.policy.outcome import Attempt, Outcome, Usage
from openhands_tiered_router.record.telemetry.judging import assess
from openhands_tiered_router.record.telemetry.opening import reading
from openhands_tiered_router.record.telemetry.query import TelemetryFile
from openhands_tiered_router.record.telemetry.records import (
    Call,
    Record,
    ToolResult,
    ToolStatus,
    routed,
)
from openhands_tiered_router.record.telemetry.store import Store
from openhands_tiered_router.record.telemetry.sums import SUMS, Span, Sums
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

TURN = st.fixed_dictionaries(
    {
        "gap": st.sampled_from([1.0, 299.0, 301.0, 999.0, 1_500.0, 90_000.0]),
        "prompt": st.integers(0, 2_000),
        "output": st.integers(0, 500),
        "read": st.integers(0, 2_000),
        "chosen": st.sampled_from(["simple", "complex"]),
        "served": st.sampled_from(["simple", "complex", None]),
        "cost": st.none() | st.floats(0, 1),
        "agent": st.booleans() | st.just(True),
        "weighed": st.booleans(),
        "p": st.sampled_from([None, 0.0, 0.05, 0.5, 1.0]),
        "kind": st.sampled_from([None, "read", "edit"]),
        "failed": st.booleans(),
    }
)


def records(name: str, turns: list[dict[str, Any]]) -> Iterator[Record]:
    now = START
    for n, turn in enumerate(turns):
        now += turn["gap"]
        other = {"simple": "complex", "complex": "simple"}[turn["chosen"]]
        priced = [turn["chosen"], other] if turn["weighed"] else []
        decision = Decision(
            tier=Tier.of(turn["chosen"]),
            endpoint=turn["chosen"],
            required=Tier.SIMPLE,
            score=0.5,
            p_mechanical=turn["p"],
            candidates=tuple(
                Candidate(endpoint=key, tier=Tier.of(key), cost_now=0.1 + i / 10)
                for i, key in enumerate(priced)
            ),
        )
        key = f"{name}-{n}"
        served = turn["served"]
        outcome = Outcome(
            endpoint=served,
            attempts=(Attempt(endpoint=served or "simple", error=None, seconds=1.0),),
            usage=Usage(
                prompt=turn["prompt"],
                completion=turn["output"],
                cache_read=min(turn["read"], turn["prompt"]),
            ),
            cost=turn["cost"],
            seconds=1.0,
            response_id=key,
        )
        yield routed(
            decision,
            outcome,
            decision_id=key,
            conversation_id=name,
            time=now,
            turn=n + 1,
            purpose="agent" if turn["agent"] else "title",
            tiers=TIERS,
        )
        if turn["kind"]:
            yield ToolResult(
                conversation_id=name,
                response_id=key,
                tool_call_id="t",
                tool_name="tool",
                time=now,
                status=ToolStatus.DONE,
                action_kind=turn["kind"],
                failed=turn["failed"],
            )


def by_hand(calls: list[Call]) -> dict[str, float]:
    """The sums that money hangs on, call by call."""
    answered = [c for c in calls if c.answered]
    found: dict[str, float] = {
        "calls": len(calls),
        "answered": len(answered),
        "failed": sum(not c.answered for c in calls),
        "unpriced": sum(c.cost is None for c in answered),
        "cost": sum(c.cost or 0.0 for c in calls),
        "prompt_tokens": sum(c.prompt_tokens or 0 for c in calls),
        "moved": 0,
        "compared": 0,
        "compared_usd": 0.0,
        "alone_simple": 0.0,
        "alone_complex": 0.0,
    }
    sent, began, before = 0, float("-inf"), None
    for call in (c for c in answered if c.purpose == "agent"):
        prompt = call.prompt_tokens or 0
        if call.cost is not None:
            found["compared"] += 1
            found["compared_usd"] += call.cost
            for endpoint in TIERS.endpoints:
                assert endpoint.prices is not None
                warm = sent if call.time - began <= endpoint.cache_ttl else 0
                found[f"alone_{endpoint.tier}"] += call_cost(
                    endpoint.prices,
                    prompt=prompt,
                    warm=min(warm, prompt),
                    output=call.completion_tokens or 0,
                )
        sent, began = prompt, call.time
    for call in (c for c in calls if c.purpose == "agent"):
        served = call.served_endpoint if call.answered else None
        found["moved"] += None not in (before, served) and before != served
        before = served
    return found


def sums(path: Path, span: Span) -> dict[str, float]:
    with reading(path) as connection:
        assert connection is not None
        return dict(Sums(connection, span).whole().sums)


@given(st.lists(TURN, min_size=1, max_size=12), st.integers(0, 12))
@settings(max_examples=40, deadline=None)
def test_sums_are_the_same_kept_live_and_by_hand(
    turns: list[dict[str, Any]], cut: int
) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder, "telemetry.sqlite3")
        store = Store(path)
        assert store.write(list(records("c", turns))) == 0
        store.write(list(records("other", turns[:1])))
        store.close()
        assert assess(path, 60).left == 0
        calls = list(TelemetryFile(path).calls(conversation_id="c"))
        with reading(path) as connection:
            assert connection is not None
            sql = "SELECT key FROM conversations WHERE id = 'c'"
            (key,) = connection.execute(sql).fetchone()
        kept = sums(path, Span(conversation=key))
        hand = by_hand(calls)
        assert {n: kept[n] for n in hand} == pytest.approx(hand)
        # A span that cuts through the conversation is added up live; both parts of it
        # are the whole.
        at = calls[min(cut, len(calls) - 1)].time
        halves = [
            sums(path, Span(until=at, conversation=key)),
            sums(path, Span(since=at, conversation=key)),
        ]
        both = {n: halves[0][n] + halves[1][n] for n in SUMS}
        assert both == pytest.approx(kept)


def test_a_record_after_judging_is_added_up_at_once(path: Path) -> None:
    turn = {
        "gap": 1.0,
        "prompt": 1_000,
        "output": 10,
        "read": 0,
        "chosen": "simple",
        "served": "simple",
        "cost": 0.1,
        "agent": True,
        "weighed": True,
        "p": 0.5,
        "kind": "read",
        "failed": False,
    }
    store = Store(path)
    first, second = (list(records(name, [turn])) for name in ("a", "b"))
    store.write(first)
    assert assess(path, 60).done == 1
    store.write(second)
    store.close()
    assert sums(path, Span())["cost"] == pytest.approx(0.2)
    assert assess(path, 60).done == 1
    assert assess(path, 60).done == 0
    assert sums(path, Span())["cost"] == pytest.approx(0.2)
