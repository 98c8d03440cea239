"""What a decision is worth, by what came of it."""

from __future__ import annotations

import pytest

from openhands_tiered_router.record.telemetry.quality import (
    Provision,
    Quality,
    Sign,
    assess,
)
from openhands_tiered_router.record.telemetry.records import (
    Call,
    ToolResult,
    ToolStatus,
    replace,
)


GOOD = ToolResult(
    conversation_id="c",
    response_id="r",
    tool_call_id="t",
    tool_name="terminal",
    time=1.0,
    status=ToolStatus.DONE,
    action_kind="read",
    failed=False,
)
BAD = replace(GOOD, action_kind="test", failed=True, failure=7)
EDIT = replace(GOOD, action_kind="edit", target=3)
PENDING = replace(GOOD, status=ToolStatus.PENDING, failed=None)
TURN = Call(
    id="d",
    time=0.0,
    tier="simple",
    endpoint="simple",
    answered=True,
    served_endpoint="simple",
    served_tier="simple",
    p_mechanical=0.5,
    tools=(GOOD,),
)
STRONG = replace(
    TURN,
    served_endpoint="complex",
    served_tier="complex",
    estimated_now=3.0,
    estimated_return=1.0,
    weighed_now=1.0,
    weighed_tier="simple",
)
WEAK = replace(TURN, estimated_now=1.0, weighed_now=4.0, weighed_tier="complex")
LOST = replace(TURN, answered=False, served_endpoint=None, served_tier=None)


def one(turn: Call, *after: Call) -> Quality:
    return assess([turn, *after])[0]


@pytest.mark.parametrize(
    "turn", [replace(TURN, tools=()), replace(TURN, tools=(PENDING,)), LOST]
)
def test_a_turn_of_which_nothing_came_is_not_judged(turn: Call) -> None:
    assert one(turn).provision is None


@pytest.mark.parametrize(
    ("tool", "signs"),
    [
        (GOOD, ()),
        (BAD, (Sign.FAILED,)),
        (replace(BAD, status=ToolStatus.INVALID), (Sign.INVALID,)),
    ],
)
def test_what_came_of_its_tools(tool: ToolResult, signs: tuple[Sign, ...]) -> None:
    assert one(replace(TURN, tools=(tool,))).signs == signs


def test_a_mechanical_turn_on_a_dear_tier_got_too_much() -> None:
    found = one(STRONG)
    assert found.provision is Provision.OVER
    assert found.signs == (Sign.OVERPAID,)


def test_a_dear_tier_that_costs_less_in_the_end_is_right() -> None:
    warm = replace(STRONG, estimated_now=0.5, estimated_return=0.5, weighed_now=2.0)
    assert one(warm).provision is Provision.RIGHT


def test_a_hard_turn_on_a_dear_tier_is_right() -> None:
    found = one(replace(STRONG, tools=(EDIT,)))
    assert (found.provision, found.hard) == (Provision.RIGHT, True)


def test_a_hard_turn_on_a_weak_tier_got_too_little_if_it_went_wrong() -> None:
    found = one(replace(WEAK, tools=(replace(EDIT, failed=True),)))
    assert found.provision is Provision.UNDER
    assert found.signs == (Sign.FAILED, Sign.UNDER_ROUTED)


def test_tests_that_fail_are_no_fault_of_the_turn_that_ran_them() -> None:
    found = one(replace(WEAK, tools=(BAD,)))
    assert found.provision is Provision.RIGHT
    assert found.signs == (Sign.FAILED, Sign.UNDER_ROUTED)
    again = replace(WEAK, tools=(BAD,))
    assert assess([again, again])[1].provision is Provision.UNDER


def test_a_hard_turn_on_a_weak_tier_that_went_well_is_right() -> None:
    found = one(replace(WEAK, tools=(EDIT,)))
    assert found.provision is Provision.RIGHT
    assert Sign.UNDER_ROUTED in found.signs


def test_an_edit_that_had_to_be_made_again_after_a_failure_is_rework() -> None:
    edit, failed = replace(TURN, tools=(EDIT,)), replace(TURN, tools=(BAD,))
    assert Sign.REWORK in one(edit, failed, edit).signs
    assert Sign.REWORK not in one(edit, edit).signs
    other = replace(TURN, tools=(replace(EDIT, target=4),))
    assert Sign.REWORK not in one(edit, failed, other).signs
    assert Sign.REWORK not in one(edit, failed, *[TURN] * 4, edit).signs


def test_the_same_failure_again_counts_against_the_second() -> None:
    failed = replace(TURN, tools=(BAD,))
    first, second, other = assess(
        [failed, failed, replace(TURN, tools=(replace(BAD, failure=8),))]
    )
    assert Sign.REPEATED not in first.signs
    assert Sign.REPEATED in second.signs
    assert Sign.REPEATED not in other.signs


def test_a_floor_above_it_right_after_is_escalation() -> None:
    assert Sign.ESCALATED in one(TURN, replace(TURN, floor="complex")).signs
    assert Sign.ESCALATED not in one(TURN, replace(TURN, floor="simple")).signs
    assert (
        Sign.ESCALATED
        not in one(replace(TURN, served_tier="complex"), TURN, TURN).signs
    )


def test_the_opening_turn_is_hard_whatever_it_does() -> None:
    assert one(replace(TURN, p_mechanical=0.0)).hard is True
    assert one(TURN).hard is False


def test_moved_is_told_from_the_turn_before() -> None:
    found = assess([TURN, TURN, STRONG, LOST, TURN])
    assert [q.moved for q in found] == [None, False, True, None, None]
