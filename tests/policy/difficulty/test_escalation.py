"""Evidence raises the floor, success lets it go."""

from __future__ import annotations

import json

import pytest

from openhands_tiered_router.policy.difficulty.escalation import escalation
from openhands_tiered_router.policy.entry import Entry, ToolCall
from openhands_tiered_router.policy.outcome import Usage
from openhands_tiered_router.policy.policy import Policy
from openhands_tiered_router.policy.session import Nudge, SessionState
from openhands_tiered_router.tiers import Tier


POLICY = Policy()


def after(*steps: tuple[str, str, int]) -> SessionState:
    state = SessionState().fold([Entry(role="user", text="Fix it")])
    for i, (command, output, code) in enumerate(steps):
        call = ToolCall(str(i), "terminal", json.dumps({"command": command}))
        state = state.fold(
            [
                Entry(role="assistant", calls=(call,)),
                Entry(role="tool", text=output, call_id=str(i), exit_code=code),
            ]
        )
    return state


def edited(state: SessionState, *, by: Tier) -> SessionState:
    """After an edit that one tier served, and a finish that the weakest did."""
    calls = [
        (by, ToolCall("e", "file_editor", '{"command": "create", "path": "a.py"}')),
        (Tier.SIMPLE, ToolCall("f", "finish", "{}")),
    ]
    for tier, call in calls:
        state = state.after_call(str(tier), Usage(prompt=10), 1.0, tier)
        state = state.fold([Entry(role="assistant", calls=(call,))])
    return state


def test_one_failure_is_no_evidence() -> None:
    assert escalation(after(("python a.py", "x", 1)), POLICY) is None


def test_two_failures_in_a_row_raise_to_base_until_a_success() -> None:
    failed = (("pip install a", "x", 1), ("pip install b", "y", 1))
    assert escalation(after(*failed), POLICY) == (Tier.COMPLEX, "failures_in_a_row")
    assert escalation(after(*failed, ("ls", "ok", 0)), POLICY) is None


def test_slower_recovery_keeps_the_floor_longer() -> None:
    failed = (("pip install a", "x", 1), ("pip install b", "y", 1), ("ls", "ok", 0))
    assert escalation(after(*failed), Policy(recovery_turns=2)) is not None


def test_same_action_with_same_result_goes_above_base() -> None:
    same = ("cat a.py", "text", 0)
    assert escalation(after(same, same), POLICY) is None
    assert escalation(after(same, same, same), POLICY) == (
        Tier.REASONING,
        "going_round",
    )
    assert escalation(after(same, same, same, ("ls", "a", 0)), POLICY) is None


def test_same_action_with_new_results_is_progress() -> None:
    steps = [("pytest", f"{n} passed", 0) for n in range(5)]
    assert escalation(after(*steps), POLICY) is None


def test_failed_verification_raises_and_a_second_one_raises_more() -> None:
    once = after().verified(False)
    assert escalation(once, POLICY) == (Tier.COMPLEX, "verification_failed")
    assert escalation(once.verified(False), POLICY) == (
        Tier.REASONING,
        "verification_failed",
    )
    assert escalation(once.verified(True), POLICY) is None


@pytest.mark.parametrize(
    ("worked", "floor"),
    [
        (Tier.SIMPLE, Tier.COMPLEX),
        (Tier.COMPLEX, Tier.REASONING),
        (Tier.REASONING, Tier.REASONING),
    ],
)
def test_failed_verification_asks_for_more_than_what_did_the_work(
    worked: Tier, floor: Tier
) -> None:
    state = edited(after(), by=worked).verified(False)
    assert escalation(state, POLICY) == (floor, "verification_failed")


def test_mending_what_was_rejected_is_no_new_evidence() -> None:
    policy = Policy(base_tier=Tier.SIMPLE)
    state = edited(after(), by=Tier.SIMPLE).verified(False)
    mended = edited(state, by=Tier.MEDIUM)
    assert escalation(mended, policy) == (Tier.MEDIUM, "verification_failed")
    rejected = escalation(mended.verified(False), policy)
    assert rejected == (Tier.COMPLEX, "verification_failed")


def test_long_search_without_a_result_is_no_progress() -> None:
    looks = [(f"cat {n}.py", str(n), 0) for n in range(30)]
    assert escalation(after(*looks[:29]), POLICY) is None
    assert escalation(after(*looks), POLICY) == (Tier.COMPLEX, "no_progress")


def test_runaway_is_told_by_the_turns_since_the_user_spoke() -> None:
    policy = Policy(long_run_turns=5)
    steps = [(f"sed -i s/a/{n}/ x.py", str(n), 0) for n in range(5)]
    long = after(*steps)
    assert escalation(long, policy) == (Tier.COMPLEX, "runaway")
    assert escalation(long.fold([Entry(role="user", text="Go on")]), policy) is None


def test_failures_that_were_expected_raise_nothing() -> None:
    red = [("pytest a", "1 failed", 1), ("pytest b", "1 failed", 1)]
    assert escalation(after(*red), POLICY) is None
    fixed = ("sed -i s/a/b/ x.py", "", 0)
    assert escalation(after(fixed, *red), POLICY) == (
        Tier.COMPLEX,
        "failures_in_a_row",
    )


def test_a_guards_word_holds_for_as_many_turns_as_it_said() -> None:
    look = ("ls", "a", 0)
    lower = Nudge("other", 0, 10)
    asked = after(look).nudged(Nudge("runaway", 1, 3))
    assert escalation(asked, POLICY) == (Tier.REASONING, "asked_by_a_guard")
    assert escalation(asked.nudged(lower), POLICY) is not None
    assert asked.nudged(lower).nudge == asked.nudge
    call = ToolCall("x", "terminal", json.dumps({"command": "pwd"}))
    turn = Entry(role="assistant", calls=(call,))
    assert escalation(asked.fold([turn]), POLICY) is not None
    assert escalation(asked.fold([turn, turn]), POLICY) is None
    assert asked.condensed(SessionState()).nudge == asked.nudge
