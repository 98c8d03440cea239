"""Anthropic's and OpenAI's messages in neutral form."""

from __future__ import annotations

from typing import Any

import pytest

from openhands_tiered_router.policy import chat
from openhands_tiered_router.policy.anthropic import entries_of
from openhands_tiered_router.policy.session import SessionState


REMINDER = "<system-reminder>The list of tasks is empty.</system-reminder>"
ENVIRONMENT = "\n<environment_details>\n# Time\n9:00\n</environment_details>"
"""What Cline and Roo Code add."""
ASKED = {"role": "user", "content": "Fix it"}
READ = {
    "role": "assistant",
    "content": [
        {"type": "tool_use", "id": "1", "name": "Read", "input": {"file_path": "/a"}}
    ],
}


def answered(*texts: str, is_error: bool = False) -> dict[str, Any]:
    result = {"type": "tool_result", "tool_use_id": "1", "content": "x"}
    said = [{"type": "text", "text": text} for text in texts]
    return {"role": "user", "content": [{**result, "is_error": is_error}, *said]}


@pytest.mark.parametrize(
    ("texts", "opens"),
    [
        ((), False),
        ((REMINDER,), False),
        ((ENVIRONMENT,), False),
        ((REMINDER, "Now test it"), True),
    ],
)
def test_a_reminder_beside_a_result_opens_no_request(
    texts: tuple[str, ...], opens: bool
) -> None:
    state = SessionState().fold(entries_of([ASKED, READ, answered(*texts)]))
    assert state.after_user is opens
    assert state.must_be_hard is opens
    assert state.chars == len("Fix it") + 1 + len("\n".join(texts))


@pytest.mark.parametrize(
    ("added", "opens"),
    [(ENVIRONMENT, False), (REMINDER, False), (ENVIRONMENT + "\nNow test it", True)],
)
def test_what_a_program_adds_opens_no_request_in_chat_messages(
    added: str, opens: bool
) -> None:
    call = {"id": "1", "function": {"name": "read_file", "arguments": "{}"}}
    messages: list[dict[str, Any]] = [
        ASKED,
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "1", "content": "x"},
        {"role": "user", "content": [{"type": "text", "text": added}]},
    ]
    assert SessionState().fold(chat.entries_of(messages)).must_be_hard is opens


def test_the_flag_of_an_error_makes_a_failure() -> None:
    state = SessionState().fold(entries_of([ASKED, READ, answered(is_error=True)]))
    assert state.last is not None
    assert state.last.failed
