"""How records of one tool call, in any order, make one row."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import pytest

from openhands_tiered_router.policy.decision import Decision
from openhands_tiered_router.policy.outcome import Outcome
from openhands_tiered_router.record.telemetry.query import TelemetryFile
from openhands_tiered_router.record.telemetry.records import (
    Record,
    ToolResult,
    ToolStatus,
    replace,
    routed,
)
from openhands_tiered_router.record.telemetry.store import Store
from openhands_tiered_router.tiers import Tier


ASKED = ToolResult(
    conversation_id="c",
    response_id="r",
    tool_call_id="functions.think:0",
    tool_name="terminal",
    time=1.0,
    action_kind="test",
)
DONE = replace(
    ASKED,
    time=3.0,
    status=ToolStatus.DONE,
    action_kind=None,
    exit_code=2,
    is_error=False,
    failed=True,
    seconds=2.0,
)
CHANGED = replace(ASKED, time=3.0, action_kind=None, target=7)


def tools_of(path: Path, *records: Record, conversation: str = "c") -> list[ToolResult]:
    """The tool results of the conversation's two answers, after those records."""
    store = Store(path)
    decision = Decision(tier=Tier.SIMPLE, endpoint="simple", required=Tier.SIMPLE)
    for n, response in enumerate(("r", "r2")):
        outcome = Outcome(endpoint="simple", attempts=(), response_id=response)
        call = routed(
            decision,
            outcome,
            decision_id=f"{conversation}{n}",
            conversation_id=conversation,
            time=float(n),
        )
        assert store.write([call]) == 0
    assert store.write(records) == 0
    store.close()
    return [t for turn in TelemetryFile(path).turns(conversation) for t in turn.tools]


@pytest.mark.parametrize("records", list(permutations([ASKED, DONE, CHANGED])))
def test_what_is_known_adds_up_in_any_order(
    path: Path, records: tuple[ToolResult, ...]
) -> None:
    (tool,) = tools_of(path, *records)
    assert tool == replace(DONE, action_kind="test", target=7)


def test_the_same_call_id_in_another_answer_is_another_call(path: Path) -> None:
    other = replace(ASKED, response_id="r2")
    assert tools_of(path, ASKED, other, DONE) == [
        replace(DONE, action_kind="test"),
        other,
    ]


def test_the_same_ids_in_another_conversation_are_another_call(path: Path) -> None:
    tools_of(path, replace(ASKED, conversation_id="other"), conversation="other")
    assert tools_of(path, DONE) == [DONE]


def test_a_result_after_a_restart_finds_the_newest_pending_call(path: Path) -> None:
    newer = replace(ASKED, response_id="r2", time=2.0)
    late = replace(DONE, response_id=None, seconds=None)
    first, second = tools_of(path, ASKED, newer, late)
    assert first == ASKED
    assert second == replace(
        late, response_id="r2", action_kind="test", status=ToolStatus.DONE
    )


def test_a_result_after_a_restart_leaves_answered_calls_alone(path: Path) -> None:
    newer = replace(DONE, response_id="r2", exit_code=0, failed=False)
    late = replace(DONE, response_id=None, time=4.0, seconds=None)
    first, second = tools_of(path, ASKED, newer, late)
    assert (first.status, first.exit_code) == (ToolStatus.DONE, 2)
    assert second == newer
