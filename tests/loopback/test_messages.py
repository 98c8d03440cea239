from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from openhands_tiered_router.loopback import LoopbackProvider, Reply, ToolCall, Wire
from openhands_tiered_router.loopback.messages import sign
from openhands_tiered_router.policy.outcome import Usage


type Reader = Callable[[httpx.Response], list[tuple[str, Any]]]

CLIENT = httpx.Client(timeout=60)
"""Shared, as making one takes longer than most tests here."""

CALL = ToolCall("run", {"command": "ls " + "x" * 60})
USER = {"role": "user", "content": "hi"}
THINKING = {"type": "enabled", "budget_tokens": 1024}
MARK = {"cache_control": {"type": "ephemeral"}}


def post(provider: LoopbackProvider, messages: list[Any], **more: Any) -> Any:
    body = {"model": "m", "max_tokens": 1000, "messages": messages, **more}
    url = f"{provider.base_url}/v1/messages"
    return CLIENT.post(url, json=body, headers={"x-api-key": "sk-secret"})


def text(value: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": value, **more}


def thought(value: str, signature: str | None = None) -> dict[str, Any]:
    signed = sign(value) if signature is None else signature
    return {"type": "thinking", "thinking": value, "signature": signed}


def asking(call_id: str, *before: dict[str, Any]) -> dict[str, Any]:
    use = {"type": "tool_use", "id": call_id, "name": "run", "input": {"a": 1}}
    return {"role": "assistant", "content": [*before, use]}


def result(*call_ids: str) -> dict[str, Any]:
    results = [
        {"type": "tool_result", "tool_use_id": i, "content": [text("a.py")]}
        for i in call_ids
    ]
    return {"role": "user", "content": results}


def test_a_plain_answer(provider: LoopbackProvider) -> None:
    usage = Usage(prompt=100, completion=20, cache_read=60, cache_write=30)
    provider.script = lambda _: Reply(
        text="Look.", thinking="Hm.", tool_calls=(CALL,), usage=usage
    )
    answer = post(provider, [USER]).json()
    thinking, said, use = answer["content"]
    assert thinking == thought("Hm.")
    assert said == text("Look.")
    assert use.pop("id").startswith("toolu_")
    assert use == {"type": "tool_use", "name": "run", "input": CALL.arguments}
    assert (answer["stop_reason"], answer["role"]) == ("tool_use", "assistant")
    assert answer["usage"] == {
        "input_tokens": 10,
        "cache_creation_input_tokens": 30,
        "cache_read_input_tokens": 60,
        "cache_creation": {
            "ephemeral_5m_input_tokens": 30,
            "ephemeral_1h_input_tokens": 0,
        },
        "output_tokens": 20,
    }


def test_a_stream_adds_up_to_the_plain_answer(
    provider: LoopbackProvider, read_events: Reader
) -> None:
    provider.script = lambda _: Reply(
        text="Let me look at this.", thinking="Hm. " * 20, tool_calls=(CALL,)
    )
    plain = post(provider, [USER]).json()
    events = read_events(post(provider, [USER], stream=True))
    assert all(name == data["type"] for name, data in events)
    names = [name for name, _ in events]
    assert (names[0], names[-2:]) == (
        "message_start",
        ["message_delta", "message_stop"],
    )
    start, ending = events[0][1]["message"], events[-2][1]
    assert start["usage"]["input_tokens"] == plain["usage"]["input_tokens"]
    assert ending["usage"]["output_tokens"] == plain["usage"]["output_tokens"]
    assert ending["delta"]["stop_reason"] == "tool_use"
    fields = {"thinking": "", "signature": "", "text": "", "partial_json": ""}
    for name, data in events:
        if name == "content_block_delta":
            for field in fields.keys() & data["delta"].keys():
                fields[field] += data["delta"][field]
    thinking, said, use = plain["content"]
    assert fields["thinking"] == thinking["thinking"]
    assert fields["signature"] == thinking["signature"]
    assert fields["text"] == said["text"]
    assert json.loads(fields["partial_json"]) == use["input"]
    starts = [d["index"] for n, d in events if n == "content_block_start"]
    stops = [d["index"] for n, d in events if n == "content_block_stop"]
    assert starts == stops == [0, 1, 2]


def test_a_script_sees_the_neutral_request(provider: LoopbackProvider) -> None:
    history = [USER, asking("a", thought("Hm."), text("Look.")), result("a")]
    tools = [{"name": "run", "input_schema": {}}]
    post(provider, history, system=[text("Be brief.")], tools=tools)
    request = provider.requests[0]
    assert (request.wire, request.tools, request.turn) == (Wire.MESSAGES, ("run",), 1)
    system, user, assistant, tool = request.messages
    assert (system.role, system.text) == ("system", "Be brief.")
    assert (user.role, user.text) == ("user", "hi")
    assert (assistant.text, assistant.thinking) == ("Look.", "Hm.")
    assert assistant.tool_calls == (ToolCall("run", {"a": 1}, "a"),)
    assert (tool.role, tool.tool_results[0].text) == ("tool", "a.py")


def test_marked_prefixes_are_written_once_and_then_read(
    provider: LoopbackProvider,
) -> None:
    system = [text("s" * 8000, **MARK)]
    first = {"role": "user", "content": [text("u" * 400, **MARK)]}
    unmarked = {"role": "user", "content": [text("u" * 400)]}
    second = {"role": "user", "content": [text("v" * 400, **MARK)]}
    one = post(provider, [first], system=system).json()["usage"]
    two = post(
        provider,
        [unmarked, {"role": "assistant", "content": "ok"}, second],
        system=system,
    ).json()["usage"]
    assert one["cache_creation_input_tokens"] > 2100
    assert one["cache_read_input_tokens"] == one["input_tokens"] == 0
    assert two["cache_read_input_tokens"] == one["cache_creation_input_tokens"]
    assert 100 < two["cache_creation_input_tokens"] < 150


def test_what_is_kept_an_hour_is_counted_apart(provider: LoopbackProvider) -> None:
    hour = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
    system = [text("s" * 8000, **hour)]
    user = {"role": "user", "content": [text("u" * 400, **MARK)]}
    usage = post(provider, [user], system=system).json()["usage"]
    split = usage["cache_creation"]
    assert split["ephemeral_1h_input_tokens"] > 2000
    assert 100 < split["ephemeral_5m_input_tokens"] < 150
    assert sum(split.values()) == usage["cache_creation_input_tokens"]


def test_without_markers_nothing_is_cached(provider: LoopbackProvider) -> None:
    for _ in range(2):
        usage = post(provider, [USER], system="s" * 8000).json()["usage"]
        assert usage["input_tokens"] > 2000
        assert usage["cache_read_input_tokens"] == 0


@pytest.mark.parametrize(
    ("history", "complaint"),
    [
        ([USER, asking("a"), USER], "found without `tool_result` blocks immediately"),
        ([USER, asking("a")], "found without `tool_result` blocks immediately"),
        ([USER, result("a")], "unexpected `tool_use_id` found in `tool_result`"),
        ([USER, asking("a"), result("a", "a")], "must have a single result"),
        ([USER, asking("a:0"), result("a:0")], "String should match pattern"),
        ([{"role": "user", "content": ""}], "must have non-empty content"),
        ([{"role": "user", "content": [text("")]}], "blocks must be non-empty"),
        (
            [USER, asking("a", thought("Hm.", "foreign")), result("a")],
            "Invalid `signature` in `thinking` block",
        ),
    ],
)
def test_strict_rejects_what_the_real_api_rejects(
    provider: LoopbackProvider, history: list[Any], complaint: str
) -> None:
    response = post(provider, history)
    assert response.status_code == 400
    answer = response.json()
    assert (answer["type"], answer["error"]["type"]) == (
        "error",
        "invalid_request_error",
    )
    assert complaint in answer["error"]["message"]


def test_thinking_demands_a_thought_in_a_running_tool_loop(
    provider: LoopbackProvider,
) -> None:
    thoughtless = [USER, asking("a"), result("a")]
    thoughtful = [USER, asking("a", thought("Hm.")), result("a")]
    ended = [*thoughtless, {"role": "assistant", "content": "ok"}, USER]
    refused = post(provider, thoughtless, thinking=THINKING)
    assert refused.status_code == 400
    assert "but found `tool_use`" in refused.json()["error"]["message"]
    assert post(provider, thoughtless).status_code == 200
    assert post(provider, thoughtful, thinking=THINKING).status_code == 200
    assert post(provider, ended, thinking=THINKING).status_code == 200
    assert post(provider, [USER], thinking=THINKING).status_code == 200


def test_a_wrong_cache_marker_is_a_400(provider: LoopbackProvider) -> None:
    system = [text("s", cache_control={"type": "ephemeral", "ttl": "2h"})]
    response = post(provider, [USER], system=system)
    assert response.status_code == 400
    assert "cache_control" in response.json()["error"]["message"]
