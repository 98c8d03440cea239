"""Thoughts go back to nobody but who thought them."""

from __future__ import annotations

import copy
from typing import Any

from openhands_tiered_router.gateway.call import Wire
from openhands_tiered_router.gateway.portability import for_another


THOUGHT = {"type": "thinking", "thinking": "Hm.", "signature": "sig"}
USE = {"type": "tool_use", "id": "c", "name": "bash", "input": {}}
RESULT = {"type": "tool_result", "tool_use_id": "c", "content": "ok"}


def loop(*content: dict[str, Any]) -> dict[str, Any]:
    return {
        "thinking": {"type": "enabled", "budget_tokens": 2000},
        "messages": [
            {"role": "user", "content": "go"},
            {"role": "assistant", "content": list(content)},
            {"role": "user", "content": [RESULT]},
        ],
    }


def test_thinking_is_left_out_and_switched_off_inside_a_tool_loop() -> None:
    body = loop(THOUGHT, USE)
    before = copy.deepcopy(body)
    changes = for_another(body, Wire.MESSAGES)
    assert changes["messages"][1]["content"] == [USE]
    assert changes["thinking"] is None
    assert body == before


def test_thinking_stays_on_for_a_new_question() -> None:
    body = loop(THOUGHT, USE)
    body["messages"] += [
        {"role": "assistant", "content": [THOUGHT, {"type": "text", "text": "Done."}]},
        {"role": "user", "content": "And now?"},
    ]
    assert "thinking" not in for_another(body, Wire.MESSAGES)


def test_an_answer_of_thoughts_alone_keeps_content() -> None:
    changed = for_another(loop(THOUGHT), Wire.MESSAGES)["messages"][1]
    assert [block["type"] for block in changed["content"]] == ["text"]


def test_nothing_changes_where_nobody_thought() -> None:
    assert for_another(loop(USE), Wire.MESSAGES) == {}
    assert for_another({"input": "hi"}, Wire.RESPONSES) == {}


def test_chat_messages_lose_the_fields_that_carry_thoughts() -> None:
    answer = {"role": "assistant", "content": "Done.", "reasoning_content": "Hm."}
    body = {"messages": [{"role": "user", "content": "go"}, answer]}
    changed = for_another(body, Wire.CHAT)["messages"]
    assert changed[1] == {"role": "assistant", "content": "Done."}
    assert changed[0] is body["messages"][0]


def test_encrypted_reasoning_is_left_out_of_responses() -> None:
    call = {"type": "function_call", "call_id": "c", "name": "x", "arguments": "{}"}
    items = [{"type": "reasoning", "id": "r", "encrypted_content": "e"}, call]
    assert for_another({"input": items}, Wire.RESPONSES) == {"input": [call]}
