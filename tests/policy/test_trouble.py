"""Failures that were to be expected are no trouble."""

from __future__ import annotations

import json

import pytest

from openhands_tiered_router.policy.entry import Entry, ToolCall
from openhands_tiered_router.policy.session import SessionState


def after(*steps: tuple[str, str, int]) -> SessionState:
    state = SessionState().fold([Entry(role="user", text="Fix it")])
    for i, (command, output, code) in enumerate(steps):
        call = ToolCall(str(i), "terminal", json.dumps({"command": command}))
        result = Entry(role="tool", text=output, call_id=str(i), exit_code=code)
        state = state.fold([Entry(role="assistant", calls=(call,)), result])
    return state


def trouble(*steps: tuple[str, str, int]) -> list[bool]:
    return [turn.trouble for turn in after(*steps).recent]


RED = ("pytest -q", "1 failed in 0.1s", 1)
GREEN = ("pytest -q", "1 passed in 0.1s", 0)
FIX = ("sed -i s/a/b/ src/app.py", "", 0)
NEW_TEST = ("sed -i s/a/b/ tests/test_app.py", "", 0)


def test_a_reproduction_before_the_first_edit_is_expected_to_fail() -> None:
    script = ("python repro.py", "Traceback (most recent call last)", 1)
    assert trouble(RED, script, NEW_TEST, RED) == [False] * 4


def test_after_the_fix_a_red_test_is_trouble() -> None:
    assert trouble(RED, FIX, RED, RED) == [False, False, True, True]


def test_a_new_test_is_expected_to_fail_once() -> None:
    assert trouble(FIX, GREEN, NEW_TEST, RED, RED)[3:] == [False, True]
    assert trouble(FIX, NEW_TEST, RED)[2:] == [True]
    assert trouble(NEW_TEST, FIX, RED)[2:] == [True]


def test_an_edit_that_failed_is_none() -> None:
    failed = ("sed -i s/a/b/ src/app.py", "can't read src/app.py", 2)
    assert trouble(failed, RED) == [True, False]


@pytest.mark.parametrize("code", [-1, 124, 126, 127, 137])
def test_a_check_that_never_ran_is_trouble_from_the_start(code: int) -> None:
    assert trouble(("pytest", "pytest: not found", code)) == [True]


@pytest.mark.parametrize(
    "command",
    [
        "grep -rn needle src",
        "cd src && rg needle",
        "cat a.py | grep needle",
        "ls; diff a b",
        "[ -f a.py ] && echo there",
        "git diff --quiet",
        "which ruff",
        "A=1 /usr/bin/grep x y",
    ],
)
def test_no_match_is_an_answer(command: str) -> None:
    assert trouble(FIX, (command, "", 1)) == [False, False]
    assert trouble(FIX, (command, "No such file", 2)) == [False, True]


@pytest.mark.parametrize("command", ["make", "grep x y | ./load", "false; ls -l"])
def test_exit_code_one_of_others_is_a_failure(command: str) -> None:
    assert trouble(FIX, (command, "", 1)) == [False, True]


def test_text_about_errors_is_trouble_only_of_what_runs() -> None:
    assert trouble(FIX, ("cat src/app.py", "except KeyError:", 0)) == [False, False]
    assert trouble(FIX, ("pytest | tail", "1 failed", 0)) == [False, True]
    assert trouble(FIX, ("cargo test", "ok. 3 passed; 0 failed", 0)) == [False, False]


def test_equal_results_may_differ_in_times_and_addresses() -> None:
    first, second = ("pytest", "1 failed in 0.12s", 1), ("pytest", "1 failed in 2s", 1)
    actions = [t.actions[0] for t in after(first, second).recent]
    assert actions[0].result == actions[1].result
    other = after(("pytest", "2 failed in 0.12s", 1)).recent[0].actions[0]
    assert other.result != actions[0].result


def test_what_a_model_says_beside_the_arguments_makes_no_other_action() -> None:
    calls = [
        ToolCall(str(i), "terminal", json.dumps({"command": "ls", "summary": text}))
        for i, text in enumerate(("Look", "Look again"))
    ]
    state = SessionState().fold([Entry(role="assistant", calls=tuple(calls))])
    one, two = state.recent[0].actions
    assert one.signature == two.signature


def test_condensation_does_not_forget_the_fix() -> None:
    state = after(FIX)
    rebuilt = state.condensed(SessionState().fold([Entry(role="user", text="Go on")]))
    call = ToolCall("x", "terminal", json.dumps({"command": "pytest"}))
    result = Entry(role="tool", text="1 failed", call_id="x", exit_code=1)
    assert (
        rebuilt.fold([Entry(role="assistant", calls=(call,)), result])
        .recent[-1]
        .trouble
    )
