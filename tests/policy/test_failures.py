"""A failure is what a tool reports, in each agent's form; not what a file says."""

from __future__ import annotations

import json

import pytest

from openhands_tiered_router.policy.actions import action_of, with_result
from openhands_tiered_router.policy.difficulty.escalation import escalation
from openhands_tiered_router.policy.difficulty.next_turn import default_model
from openhands_tiered_router.policy.entry import Entry, ToolCall
from openhands_tiered_router.policy.policy import Policy
from openhands_tiered_router.policy.session import SessionState
from openhands_tiered_router.policy.tools import EDITOR, KNOWN, SHELL


def outcome(tool: str, arguments: dict[str, str], text: str) -> tuple[bool | None, int]:
    action = action_of(ToolCall("1", tool, json.dumps(arguments)))
    done = with_result(action, Entry(role="tool", text=text, call_id="1"))
    return done.failed, done.exit_code or 0


@pytest.mark.parametrize(
    "text",
    [
        "[An error occurred during execution.]\nno such file",
        "ERROR:\nInvalid `path` parameter: /workspace/a.py",
        "OBSERVATION:\nERROR:\nThe `view_range` parameter is not allowed",
        "<tool_use_error>File has not been read yet</tool_use_error>",
        "\nNo replacement was performed. Multiple occurrences of old_str",
        "Invalid `view_range`: [1, 900]",
        "Error executing tool bash: 'No background process'",
        "The tool execution failed with the following error:\n<error>",
    ],
)
def test_a_tool_error_is_a_failure_whatever_the_tool_does(text: str) -> None:
    for tool in ("str_replace_editor", "Read"):
        assert outcome(tool, {"command": "view", "path": "a.py"}, text)[0] is True


@pytest.mark.parametrize(
    "text",
    [
        "boom\n[Command finished with exit code 2]",
        "boom\n[The command completed with exit code 2.]",
        "<returncode>2</returncode>",
        "Exit code 2\nboom",
        "Exit code: 2\nWall time: 1 s\nOutput:\nboom",
        "Process exited with code 2",
        '{"output":"boom","metadata":{"exit_code":2,"duration_seconds":0.1}}',
        "boom\n\nCommand exited with code 2",
        "<status>completed</status>\n<exit_code>2</exit_code>\n<output>boom</output>",
    ],
)
def test_an_exit_code_is_read_in_every_form(text: str) -> None:
    assert outcome("bash", {"command": "ls"}, text) == (True, 2)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("python: can't open file 'repro.py': [Errno 2] No such file", 2),
        ("^C", 130),
    ],
)
def test_what_did_not_run_is_no_failure_of_the_work(text: str, code: int) -> None:
    shown = f"{text}\n[Command finished with exit code {code}]"
    assert outcome("bash", {"command": "python repro.py"}, shown) == (False, code)


LOOKS = [
    (agent, tool)
    for agent, rows in KNOWN.items()
    for does in (SHELL, EDITOR, "read", "list", "search")
    for tool in rows.get(does, "").split()
]


@pytest.mark.parametrize(("agent", "tool"), LOOKS)
@pytest.mark.parametrize("command", ["grep -rn Error: src", "cat build.log", "ls"])
def test_words_of_failure_in_what_was_only_looked_at_are_none(
    agent: str, tool: str, command: str
) -> None:
    """Whatever the agent: no turn is hard because of what a file says."""
    rows = KNOWN[agent]
    if tool not in rows.get(SHELL, "").split():
        command = "view"
    text = "src/a.py:9: raise ValueError('Error: 3 tests FAILED')"
    arguments = {"command": command, "path": "src/a.py"}
    assert outcome(tool, arguments, text)[0] is False
    call = ToolCall("1", tool, json.dumps(arguments))
    state = SessionState().fold(
        [
            Entry(role="user", text="Fix it"),
            Entry(role="assistant", calls=(call,)),
            Entry(role="tool", text=text, call_id="1"),
        ]
    )
    assert not state.must_be_hard
    assert escalation(state, Policy()) is None
    assert default_model().probability(state) > 0.0


@pytest.mark.parametrize("command", ["pytest -q | tail", "python repro.py", "make"])
def test_words_of_failure_in_what_ran_are_one(command: str) -> None:
    assert outcome("bash", {"command": command}, "1 failed, 2 passed")[0] is True


def test_no_failed_tests_are_no_failure() -> None:
    assert outcome("bash", {"command": "pytest"}, "9 passed, 0 failed")[0] is False


def test_an_error_flag_counts_without_words() -> None:
    action = action_of(ToolCall("1", "Read", "{}"))
    result = Entry(role="tool", text="", call_id="1", is_error=True)
    assert with_result(action, result).failed is True
