from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from openhands_tiered_router.loopback import LoopbackProvider, Reply, ToolCall, Wire
from openhands_tiered_router.loopback.responses import encrypt
from openhands_tiered_router.policy.outcome import Usage


type Reader = Callable[[httpx.Response], list[tuple[str, Any]]]

CLIENT = httpx.Client(timeout=60)
"""Shared, as making one takes longer than most tests here."""

CALL = ToolCall("run", {"command": "ls " + "x" * 60})
USER = {"role": "user", "content": [{"type": "input_text", "text": "hi"}]}
ENCRYPTED = ["reasoning.encrypted_content"]


def post(provider: LoopbackProvider, items: Any, **more: Any) -> Any:
    body = {"model": "m", "input": items, **more}
    return CLIENT.post(f"{provider.base_url}/v1/responses", json=body)


def call(call_id: str, item_id: str = "fc_1") -> dict[str, Any]:
    return {
        "type": "function_call",
        "id": item_id,
        "call_id": call_id,
        "name": "run",
        "arguments": '{"a": 1}',
    }


def output(call_id: str) -> dict[str, Any]:
    return {"type": "function_call_output", "call_id": call_id, "output": "a.py"}


def reasoning(model: str = "m", item_id: str = "rs_1") -> dict[str, Any]:
    return {
        "type": "reasoning",
        "id": item_id,
        "summary": [{"type": "summary_text", "text": "Hm."}],
        "encrypted_content": encrypt(model, item_id),
    }


def test_a_plain_answer(provider: LoopbackProvider) -> None:
    usage = Usage(prompt=100, completion=20, cache_read=64, reasoning=5)
    provider.script = lambda _: Reply(
        text="Look.", thinking="Hm.", tool_calls=(CALL,), usage=usage
    )
    answer = post(provider, [USER], include=ENCRYPTED).json()
    thinking, said, use = answer["output"]
    assert thinking["summary"] == [{"type": "summary_text", "text": "Hm."}]
    assert thinking["encrypted_content"]
    assert said["content"][0]["text"] == "Look."
    assert (use["type"], use["name"]) == ("function_call", "run")
    assert json.loads(use["arguments"]) == CALL.arguments
    assert (answer["object"], answer["status"]) == ("response", "completed")
    assert answer["usage"] == {
        "input_tokens": 100,
        "input_tokens_details": {"cached_tokens": 64},
        "output_tokens": 20,
        "output_tokens_details": {"reasoning_tokens": 5},
        "total_tokens": 120,
    }


def test_encrypted_reasoning_comes_only_on_request(provider: LoopbackProvider) -> None:
    provider.script = lambda _: Reply(text="Look.", thinking="Hm.")
    assert "encrypted_content" not in post(provider, "hi").json()["output"][0]


def test_a_stream_adds_up_to_its_last_event(
    provider: LoopbackProvider, read_events: Reader
) -> None:
    provider.script = lambda _: Reply(
        text="Let me look at this.", thinking="Hm. " * 20, tool_calls=(CALL,)
    )
    events = read_events(post(provider, [USER], stream=True))
    assert all(name == data["type"] for name, data in events)
    assert [d["sequence_number"] for _, d in events] == list(range(len(events)))
    assert [n for n, _ in events[:2]] == ["response.created", "response.in_progress"]
    name, last = events[-1]
    assert name == "response.completed"
    done = [d["item"] for n, d in events if n == "response.output_item.done"]
    assert done == last["response"]["output"]
    thinking, said, use = done

    def joined(kind: str) -> str:
        return "".join(d["delta"] for n, d in events if n == f"response.{kind}.delta")

    assert joined("reasoning_summary_text") == thinking["summary"][0]["text"]
    assert joined("output_text") == said["content"][0]["text"]
    assert joined("function_call_arguments") == use["arguments"]
    plain = post(provider, [USER]).json()
    assert last["response"]["usage"] == plain["usage"]


def test_a_script_sees_one_answer_as_one_message(provider: LoopbackProvider) -> None:
    said = {"type": "message", "role": "assistant", "content": "Look."}
    items = [USER, reasoning(), said, call("a"), call("b"), output("a"), output("b")]
    tools = [{"type": "function", "name": "run", "parameters": {}}]
    post(provider, items, instructions="Be brief.", tools=tools)
    request = provider.requests[0]
    assert (request.wire, request.tools) == (Wire.RESPONSES, ("run",))
    assert request.turn == 1
    system, user, assistant, *results = request.messages
    assert (system.role, system.text) == ("system", "Be brief.")
    assert (user.role, user.text) == ("user", "hi")
    assert (assistant.text, assistant.thinking) == ("Look.", "Hm.")
    assert [c.id for c in assistant.tool_calls] == ["a", "b"]
    assert [r.tool_results[0].text for r in results] == ["a.py", "a.py"]


@pytest.mark.parametrize(
    ("items", "complaint"),
    [
        ([USER, call("a")], "No tool output found for function call a."),
        ([USER, output("a")], "No tool call found for function call output"),
        (
            [USER, call("a", "fc_functions.think:0"), output("a")],
            "Invalid 'input[1].id': 'fc_functions.think:0'. Expected an ID that",
        ),
        ([USER, call("a", "fc_" + "a" * 62), output("a")], "maximum length 64"),
        ([USER, call("a" * 65), output("a" * 65)], "Invalid 'input[1].call_id'"),
        ([USER, reasoning(), USER], "without its required following item"),
        ([USER, reasoning()], "without its required following item"),
    ],
)
def test_strict_rejects_what_the_real_api_rejects(
    provider: LoopbackProvider, items: list[Any], complaint: str
) -> None:
    response = post(provider, items)
    assert response.status_code == 400
    assert complaint in response.json()["error"]["message"]


@pytest.mark.parametrize(
    "foreign",
    [
        reasoning(model="other"),
        {**reasoning(), "id": "rs_2"},
        {**reasoning(), "encrypted_content": "gAAAAABo"},
    ],
)
def test_strict_rejects_reasoning_of_another_model(
    provider: LoopbackProvider, foreign: dict[str, Any]
) -> None:
    response = post(provider, [USER, foreign, call("a"), output("a")])
    assert response.status_code == 400
    assert response.json()["error"]["code"] == "invalid_encrypted_content"


def test_a_proper_tool_loop_is_accepted(provider: LoopbackProvider) -> None:
    items = [USER, reasoning(), call("a"), call("b"), output("b"), output("a")]
    assert post(provider, items).status_code == 200
