from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from openhands_tiered_router.loopback import LoopbackProvider, Reply, ToolCall, Wire
from openhands_tiered_router.policy.outcome import Usage


type Reader = Callable[[httpx.Response], list[tuple[str, Any]]]

CLIENT = httpx.Client(timeout=60)
"""Shared, as making one takes longer than most tests here."""

CALL = ToolCall("run", {"command": "ls " + "x" * 60})
USER = {"role": "user", "content": "hi"}


def post(provider: LoopbackProvider, messages: list[Any], **more: Any) -> Any:
    body = {"model": "m", "messages": messages, **more}
    return CLIENT.post(f"{provider.base_url}/v1/chat/completions", json=body)


def asking(call_id: str, **more: Any) -> dict[str, Any]:
    function = {"name": "run", "arguments": '{"command": "ls"}'}
    call = {"id": call_id, "type": "function", "function": function}
    return {"role": "assistant", "content": None, "tool_calls": [call], **more}


def result(call_id: str) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call_id, "content": "a.py"}


def test_a_plain_answer(provider: LoopbackProvider) -> None:
    usage = Usage(prompt=100, completion=20, cache_read=64, reasoning=5)
    provider.script = lambda _: Reply(
        text="Look.", thinking="Hm.", tool_calls=(CALL,), usage=usage
    )
    answer = post(provider, [USER]).json()
    choice = answer["choices"][0]
    call = choice["message"].pop("tool_calls")[0]
    assert choice["message"] == {
        "role": "assistant",
        "content": "Look.",
        "reasoning_content": "Hm.",
    }
    assert choice["finish_reason"] == "tool_calls"
    assert call["function"]["name"] == "run"
    assert json.loads(call["function"]["arguments"]) == CALL.arguments
    assert answer["object"] == "chat.completion"
    assert answer["usage"] == {
        "prompt_tokens": 100,
        "completion_tokens": 20,
        "total_tokens": 120,
        "prompt_tokens_details": {"cached_tokens": 64},
        "completion_tokens_details": {"reasoning_tokens": 5},
    }


def test_ids_never_repeat(provider: LoopbackProvider) -> None:
    provider.script = lambda _: Reply(tool_calls=(CALL, CALL))
    answers = [post(provider, [USER]).json() for _ in range(3)]
    calls = [c for a in answers for c in a["choices"][0]["message"]["tool_calls"]]
    assert len({a["id"] for a in answers}) == 3
    assert len({c["id"] for c in calls}) == 6


def test_a_stream_adds_up_to_the_plain_answer(
    provider: LoopbackProvider, read_events: Reader
) -> None:
    provider.script = lambda _: Reply(
        text="Let me look at this.", thinking="Hm. " * 20, tool_calls=(CALL, CALL)
    )
    plain = post(provider, [USER]).json()
    options = {"stream": True, "stream_options": {"include_usage": True}}
    *chunks, last, end = (d for _, d in read_events(post(provider, [USER], **options)))
    assert end == "[DONE]"
    assert last["choices"] == []
    assert last["usage"] == plain["usage"]
    assert {c["object"] for c in chunks} == {"chat.completion.chunk"}
    deltas = [c["choices"][0]["delta"] for c in chunks]
    expected = plain["choices"][0]["message"]
    for name in ("content", "reasoning_content"):
        assert "".join(d.get(name, "") for d in deltas) == expected[name]
    for index in (0, 1):
        parts = [
            c for d in deltas for c in d.get("tool_calls", []) if c["index"] == index
        ]
        assert len(parts) > 2
        assert parts[0]["function"]["name"] == "run"
        text = "".join(p["function"]["arguments"] for p in parts)
        assert json.loads(text) == CALL.arguments
    assert chunks[-1]["choices"][0]["finish_reason"] == "tool_calls"


def test_usage_is_streamed_only_on_request(
    provider: LoopbackProvider, read_events: Reader
) -> None:
    *chunks, _ = read_events(post(provider, [USER], stream=True))
    assert len(chunks) > 2
    assert all("usage" not in data for _, data in chunks)


def test_a_script_sees_the_neutral_request(provider: LoopbackProvider) -> None:
    parts = [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]
    tools = [{"type": "function", "function": {"name": "run", "parameters": {}}}]
    history = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": parts},
        asking("call_1", reasoning_content="Hm."),
        result("call_1"),
    ]
    post(provider, history, tools=tools, prompt_cache_key="abc")
    request = provider.requests[0]
    assert (request.wire, request.model, request.turn) == (Wire.CHAT, "m", 1)
    assert (request.tools, request.session, request.stream) == (("run",), "abc", False)
    system, user, assistant, tool = request.messages
    assert (system.role, system.text) == ("system", "Be brief.")
    assert (user.role, user.text) == ("user", "one\ntwo")
    assert assistant.tool_calls == (ToolCall("run", {"command": "ls"}, "call_1"),)
    assert assistant.thinking == "Hm."
    assert [(r.id, r.text) for r in tool.tool_results] == [("call_1", "a.py")]


@pytest.mark.parametrize(
    ("history", "complaint"),
    [
        ([USER, asking("a"), USER], "did not have response messages: a"),
        ([USER, asking("a")], "did not have response messages: a"),
        ([USER, result("a")], "must be a response to a preceeding message"),
        ([USER, asking("a"), result("b")], "must be a response to a preceeding"),
        ([USER, asking("a"), result("a"), result("a")], "must be a response to"),
        (
            [USER, {"role": "assistant", "content": "x", "thinking_blocks": []}],
            "messages[1].thinking_blocks",
        ),
        ([USER, {"role": "assistant", "content": None}], "expected a string, got null"),
        ([USER, asking("a" * 41), result("a" * 41)], "maximum length 40"),
    ],
)
def test_strict_rejects_what_the_real_api_rejects(
    provider: LoopbackProvider, history: list[Any], complaint: str
) -> None:
    response = post(provider, history)
    assert response.status_code == 400
    error = response.json()["error"]
    assert complaint in error["message"]
    assert error["type"] == "invalid_request_error"
    assert provider.charged == ()


def test_kimi_wants_its_reasoning_back(provider: LoopbackProvider) -> None:
    def status(**more: Any) -> int:
        history = [USER, asking("a", **more), result("a")]
        body = {"model": "kimi-k2", "messages": history}
        return CLIENT.post(
            f"{provider.base_url}/chat/completions", json=body
        ).status_code

    assert (status(), status(reasoning_content="Hm.")) == (400, 200)


def test_a_proper_tool_loop_is_accepted(provider: LoopbackProvider) -> None:
    history = [USER, asking("a"), result("a"), asking("b"), result("b"), USER]
    assert post(provider, history).status_code == 200


def test_lenient_accepts_everything() -> None:
    with LoopbackProvider(strict=False) as provider:
        assert post(provider, [result("a")]).status_code == 200


@pytest.mark.parametrize(
    "messages", ["hi", [1], [{"role": "assistant", "tool_calls": "x"}]]
)
def test_a_malformed_history_is_a_400(
    provider: LoopbackProvider, messages: Any
) -> None:
    response = post(provider, messages)
    assert response.status_code == 400
    assert "must be an array of objects" in response.json()["error"]["message"]
