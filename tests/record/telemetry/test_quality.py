"""What a decision is worth, by what came of it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

from openhands_tiered_router.record.telemetry.quality import (
    JudgedTool,
    JudgedTurn,
    Provision,
    Quality,
    Sign,
    assess,
)


GOOD = JudgedTool(kind="read", failed=False)
BAD = JudgedTool(kind="test", failed=True, failure=7)
EDIT = JudgedTool(kind="edit", failed=False, target=3)
TURN = JudgedTurn(served="simple", level=0, must_be_hard=False, tools=(GOOD,))
STRONG = replace(
    TURN,
    served="complex",
    level=2,
    estimate=4.0,
    other_estimate=1.0,
    other_level=0,
)
WEAK = replace(TURN, estimate=1.0, other_estimate=4.0, other_level=2)


def one(turn: JudgedTurn, *after: JudgedTurn, accepted: bool | None = None) -> Quality:
    return assess([turn, *after], accepted)[0]


def test_a_call_that_was_answered_and_nothing_more_is_not_judged() -> None:
    found = one(replace(TURN, tools=()))
    assert (found.score, found.provision, found.hard) == (None, None, None)


def test_a_call_that_nobody_answered_is_not_judged() -> None:
    assert one(replace(TURN, served=None), accepted=True).score is None


def test_tools_that_worked_and_accepted_work_are_the_best_there_is() -> None:
    found = one(TURN, accepted=True)
    assert (found.score, found.provision) == (100, Provision.RIGHT)
    assert found.signs == (Sign.ACCEPTED, Sign.WORKED)


@pytest.mark.parametrize(
    ("tool", "accepted", "score", "signs"),
    [
        (GOOD, None, 70, (Sign.WORKED,)),
        (GOOD, False, 40, (Sign.REJECTED, Sign.WORKED)),
        (BAD, None, 40, (Sign.FAILED,)),
        (replace(BAD, invalid=True), None, 30, (Sign.INVALID,)),
        (replace(GOOD, failed=None), True, 80, (Sign.ACCEPTED,)),
    ],
)
def test_each_sign_has_its_points(
    tool: JudgedTool, accepted: bool | None, score: int, signs: tuple[Sign, ...]
) -> None:
    found = one(replace(TURN, tools=(tool,)), accepted=accepted)
    assert (found.score, found.signs) == (score, signs)


def test_a_mechanical_turn_on_a_dear_tier_got_too_much() -> None:
    found = one(STRONG)
    assert found.provision is Provision.OVER
    assert found.signs == (Sign.WORKED, Sign.OVERPAID)
    assert found.score == 50 + 20 - 15


def test_a_dear_tier_that_costs_less_in_the_end_is_right() -> None:
    warm = replace(STRONG, estimate=1.0, other_estimate=2.0)
    assert one(warm).provision is Provision.RIGHT


def test_a_hard_turn_on_a_dear_tier_is_right() -> None:
    found = one(replace(STRONG, tools=(EDIT,)))
    assert (found.provision, found.hard) == (Provision.RIGHT, True)


def test_a_hard_turn_on_a_weak_tier_got_too_little_if_it_went_wrong() -> None:
    found = one(replace(WEAK, tools=(BAD,)))
    assert found.provision is Provision.UNDER
    assert found.signs == (Sign.FAILED, Sign.UNDER_ROUTED)


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
    assert Sign.ESCALATED in one(TURN, replace(TURN, floor=2)).signs
    assert Sign.ESCALATED not in one(TURN, replace(TURN, floor=0)).signs
    assert Sign.ESCALATED not in one(replace(TURN, level=2), TURN, TURN).signs


def test_the_opening_turn_is_hard_whatever_it_does() -> None:
    assert one(replace(TURN, must_be_hard=True)).hard is True
    assert one(TURN).hard is False


def test_moved_is_told_from_the_turn_before() -> None:
    found = assess([TURN, TURN, STRONG, replace(TURN, served=None), TURN], None)
    assert [q.moved for q in found] == [None, False, True, None, None]


tools = st.builds(
    JudgedTool,
    kind=st.sampled_from(["read", "edit", "test", None]),
    failed=st.none() | st.booleans(),
    invalid=st.booleans(),
    target=st.none() | st.integers(0, 2),
    failure=st.none() | st.integers(0, 2),
)
turns = st.builds(
    JudgedTurn,
    served=st.sampled_from(["simple", "complex", None]),
    level=st.none() | st.integers(0, 3),
    must_be_hard=st.booleans(),
    floor=st.none() | st.integers(0, 3),
    estimate=st.none() | st.floats(0, 10),
    other_estimate=st.none() | st.floats(0, 10),
    other_level=st.none() | st.integers(0, 3),
    tools=st.lists(tools, max_size=3).map(tuple),
)


@given(st.lists(turns, max_size=8), st.none() | st.booleans())
def test_scores_stay_in_range_and_a_better_verdict_is_never_worse(
    found: list[JudgedTurn], accepted: bool | None
) -> None:
    qualities = assess(found, accepted)
    best = assess(found, True)
    assert len(qualities) == len(found)
    for quality, with_verdict in zip(qualities, best, strict=True):
        assert quality.score is None or 0 <= quality.score <= 100
        assert (with_verdict.score or 0) >= (quality.score or 0)
        assert (quality.provision is None) == (
            quality.score is None or quality.hard is None
        )
