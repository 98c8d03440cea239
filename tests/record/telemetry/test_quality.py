"""What a decision is worth, by what came of it."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

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
TURN = Call(
    id="d",
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


def one(turn: Call, *after: Call, accepted: bool | None = None) -> Quality:
    return assess([turn, *after], accepted)[0]


def test_a_call_that_was_answered_and_nothing_more_is_not_judged() -> None:
    found = one(replace(TURN, tools=()))
    assert (found.quality, found.provision, found.hard) == (None, None, None)


def test_a_call_that_nobody_answered_is_not_judged() -> None:
    assert one(LOST, accepted=True).quality is None


def test_tools_that_worked_and_accepted_work_are_the_best_there_is() -> None:
    found = one(TURN, accepted=True)
    assert (found.quality, found.provision) == (100, Provision.RIGHT)
    assert found.signs == (Sign.ACCEPTED, Sign.WORKED)


@pytest.mark.parametrize(
    ("tool", "accepted", "score", "signs"),
    [
        (GOOD, None, 70, (Sign.WORKED,)),
        (GOOD, False, 40, (Sign.REJECTED, Sign.WORKED)),
        (BAD, None, 40, (Sign.FAILED,)),
        (replace(BAD, status=ToolStatus.INVALID), None, 30, (Sign.INVALID,)),
        (replace(GOOD, failed=None), True, 80, (Sign.ACCEPTED,)),
    ],
)
def test_each_sign_has_its_points(
    tool: ToolResult, accepted: bool | None, score: int, signs: tuple[Sign, ...]
) -> None:
    found = one(replace(TURN, tools=(tool,)), accepted=accepted)
    assert (found.quality, found.signs) == (score, signs)


def test_a_mechanical_turn_on_a_dear_tier_got_too_much() -> None:
    found = one(STRONG)
    assert found.provision is Provision.OVER
    assert found.signs == (Sign.WORKED, Sign.OVERPAID)
    assert found.quality == 50 + 20 - 15


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
    assert assess([again, again], None)[1].provision is Provision.UNDER


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
        [failed, failed, replace(TURN, tools=(replace(BAD, failure=8),))], None
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
    found = assess([TURN, TURN, STRONG, LOST, TURN], None)
    assert [q.moved for q in found] == [None, False, True, None, None]


tiers = st.sampled_from(["simple", "medium", "complex", "reasoning", None])
dollars = st.none() | st.floats(0, 10)
tools = st.builds(
    lambda **known: replace(GOOD, **known),
    action_kind=st.sampled_from(["read", "edit", "test", None]),
    failed=st.none() | st.booleans(),
    status=st.sampled_from(ToolStatus),
    target=st.none() | st.integers(0, 2),
    failure=st.none() | st.integers(0, 2),
)
turns = st.builds(
    lambda **known: Call(id="d", **known),
    answered=st.none() | st.booleans(),
    served_endpoint=st.sampled_from(["simple", "complex", None]),
    served_tier=tiers,
    p_mechanical=st.sampled_from([0.0, 0.5, None]),
    floor=tiers,
    estimated_now=dollars,
    estimated_return=dollars,
    weighed_now=dollars,
    weighed_return=dollars,
    weighed_tier=tiers,
    tools=st.lists(tools, max_size=3).map(tuple),
)


@given(st.lists(turns, max_size=8), st.none() | st.booleans())
def test_scores_stay_in_range_and_a_better_verdict_is_never_worse(
    found: list[Call], accepted: bool | None
) -> None:
    qualities = assess(found, accepted)
    best = assess(found, True)
    assert len(qualities) == len(found)
    for quality, with_verdict in zip(qualities, best, strict=True):
        assert quality.quality is None or 0 <= quality.quality <= 100
        assert (with_verdict.quality or 0) >= (quality.quality or 0)
        assert (quality.provision is None) == (
            quality.quality is None or quality.hard is None
        )
