"""What routing sees of a request, whichever API it came by."""

from __future__ import annotations

import json
from typing import Any

import pytest

from openhands_tiered_router.gateway.call import (
    MODEL,
    GatewayCall,
    call_of,
    is_routed,
    tier_of,
)
from openhands_tiered_router.policy.entry import Entry
from openhands_tiered_router.tiers import Tier


ASKED = "Where is the parser?"
COMMAND = {"command": "grep -rn parser"}

CHAT: dict[str, Any] = {
    "model": MODEL,
    "messages": [
        {"role": "system", "content": "You help."},
        {"role": "user", "content": ASKED},
        {
            "role": "assistant",
            "content": "I search.",
            "tool_calls": [
                {
                    "id": "c1",
                    "type": "function",
                    "function": {"name": "bash", "arguments": json.dumps(COMMAND)},
                }
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "a.py:1: parser"},
    ],
}
MESSAGES: dict[str, Any] = {
    "model": MODEL,
    "system": [{"type": "text", "text": "You help."}],
    "messages": [
        {"role": "user", "content": ASKED},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "Hm.", "signature": "s"},
                {"type": "text", "text": "I search."},
                {"type": "tool_use", "id": "c1", "name": "bash", "input": COMMAND},
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "c1",
                    "content": "a.py:1: parser",
                }
            ],
        },
    ],
}
RESPONSES: dict[str, Any] = {
    "model": MODEL,
    "instructions": "You help.",
    "input": [
        {"role": "user", "content": [{"type": "input_text", "text": ASKED}]},
        {"type": "reasoning", "id": "r1", "summary": []},
        {"type": "message", "role": "assistant",
         "content": [{"type": "output_text", "text": "I search."}]},
        {"type": "function_call", "call_id": "c1", "name": "bash",
         "arguments": json.dumps(COMMAND)},
        {"type": "function_call_output", "call_id": "c1", "output": "a.py:1: parser"},
    ],
}  # fmt: skip
SAME = [
    ("acompletion", CHAT),
    ("anthropic_messages", MESSAGES),
    ("aresponses", RESPONSES),
]


def read(data: dict[str, Any], call_type: str) -> GatewayCall:
    call = call_of(data, call_type)
    assert call is not None
    return call


def entries(call: GatewayCall) -> list[Entry]:
    return list(call.entries_of(call.history))


@pytest.mark.parametrize(("call_type", "data"), SAME)
def test_the_same_history_is_the_same_on_every_wire(
    call_type: str, data: dict[str, Any]
) -> None:
    expected = entries(read(CHAT, "acompletion"))
    assert [e.role for e in expected] == ["system", "user", "assistant", "tool"]
    assert entries(read(data, call_type)) == expected


@pytest.mark.parametrize(("call_type", "data"), SAME)
def test_moved_cache_markers_are_the_same_message(
    call_type: str, data: dict[str, Any]
) -> None:
    call = read(data, call_type)
    user = next(m for m in call.history if m.get("role") == "user")
    marked = json.loads(json.dumps(user))
    if isinstance(marked["content"], str):
        marked["content"] = [{"type": "text", "text": marked["content"]}]
        marked["content"][0]["cache_control"] = {"type": "ephemeral"}
    assert call.fingerprint(marked) == call.fingerprint(user)
    assert call.fingerprint({"role": "user", "content": "?"}) != call.fingerprint(user)


@pytest.mark.parametrize(
    ("model", "routed", "tier"),
    [
        (MODEL, True, None),
        (f"{MODEL}/simple", True, Tier.SIMPLE),
        (f"{MODEL}/reasoning/2", True, Tier.REASONING),
        (f"{MODEL}/huge", True, None),
        ("gpt-4o", False, None),
        (None, False, None),
    ],
)
def test_model_names(model: Any, routed: bool, tier: Tier | None) -> None:
    assert is_routed(model) is routed
    if routed:
        assert tier_of(model) is tier


def test_other_apis_are_left_alone() -> None:
    assert call_of({"model": MODEL, "input": "text"}, "aembedding") is None


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("litellm_session_id", "a", "a"),
        ("prompt_cache_key", "b", "b"),
        ("prompt_cache_key", 7, None),
        ("user", "c", None),
    ],
)
def test_whose_conversation_it_is(field: str, value: Any, expected: str | None) -> None:
    assert read({**CHAT, field: value}, "acompletion").session_id == expected


def test_a_sub_agent_has_a_history_of_its_own_in_its_conversation() -> None:
    main = {**MESSAGES, "litellm_session_id": "one"}
    request = {"headers": {"x-claude-code-agent-id": "a1"}}
    sub = {**main, "proxy_server_request": request}
    calls = [read(data, "anthropic_messages") for data in (main, sub)]
    assert [c.conversation for c in calls] == ["one", "one"]
    assert [c.session_id for c in calls] == ["one", "one/a1"]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"tools": [{"type": "function", "function": {
            "name": "x", "description":
            "Edits. Your current working directory is: /srv/app\nMore."}}]},
         "/srv/app"),
        ({"tools": [{"name": "x", "description":
            "Your current working directory is: /srv/app"}]}, "/srv/app"),
        ({"messages": [{"role": "system", "content":
            "<env>\nWorking directory: /home/me/app\n</env>"}]}, "/home/me/app"),
        ({"messages": [{"role": "system", "content":
            "# Environment\n - Primary working directory: /srv/app\n - Platform: x"}]},
         "/srv/app"),
        ({"messages": [{"role": "tool", "tool_call_id": "c", "content":
            "Working directory: /etc"}]}, None),
        ({"messages": [{"role": "user", "content": "hi"}]}, None),
    ],
)  # fmt: skip
def test_where_the_client_works(data: dict[str, Any], expected: str | None) -> None:
    assert read({**CHAT, **data}, "acompletion").workspace() == expected


def test_a_text_is_a_users_message_on_the_responses_wire() -> None:
    found = entries(read({"model": MODEL, "input": ASKED}, "aresponses"))
    assert found == [Entry(role="user", text=ASKED)]


@pytest.mark.parametrize(
    "messages",
    [None, "text", [None, 7, {}], [{"role": "user", "content": 7}], [{"content": []}]],
)
def test_what_is_not_of_the_wires_form_is_left_to_the_provider(messages: Any) -> None:
    call = read({"model": MODEL, "messages": messages}, "anthropic_messages")
    assert entries(call) == []
