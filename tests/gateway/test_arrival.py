"""Results in clients' histories: shortened alike by every request and every worker."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, strategies as st

from openhands_tiered_router.gateway.arrival import Arrivals, left_out
from openhands_tiered_router.gateway.call import MODEL, call_of
from tests.gateway.conftest import STARTING, started


FILES = {
    name: "\n".join(f"{name}_{i} = compute({i}, {name})" for i in range(40))
    for name in ("alpha", "beta")
}
LOOKS = st.lists(st.sampled_from(sorted(FILES)), max_size=6)
CHAT, MESSAGES = "acompletion", "anthropic_messages"


def history(names: list[str], wire: str) -> list[Any]:
    made: list[Any] = [{"role": "user", "content": "Look."}]
    for number, name in enumerate(names):
        id, command = f"c{number}", {"command": f"cat {name}.py"}
        if wire == CHAT:
            function = {"name": "bash", "arguments": json.dumps(command)}
            call = {"id": id, "type": "function", "function": function}
            made += [
                {"role": "assistant", "content": "", "tool_calls": [call]},
                {"role": "tool", "tool_call_id": id, "content": FILES[name]},
            ]
        else:
            use = {"type": "tool_use", "id": id, "name": "Bash", "input": command}
            result = {"type": "tool_result", "tool_use_id": id, "content": FILES[name]}
            made += [
                {"role": "assistant", "content": [use]},
                {"role": "user", "content": [result]},
            ]
    return made


def sent(arrivals: Arrivals, messages: list[Any], wire: str) -> list[Any]:
    body = {"model": MODEL, "messages": messages, "litellm_session_id": "s"}
    call = call_of(body, wire)
    assert call is not None
    before = json.dumps(messages)
    changed = arrivals.shortened(call, messages)
    assert json.dumps(messages) == before
    return messages if changed is None else changed


@given(LOOKS, st.sampled_from([CHAT, MESSAGES]))
def test_each_request_begins_with_the_bytes_of_the_one_before(
    names: list[str], wire: str
) -> None:
    arrivals, last = Arrivals(), list[Any]()
    for count in range(len(names) + 1):
        now = sent(arrivals, history(names[:count], wire), wire)
        assert now[: len(last)] == last
        # Another worker, or one that was restarted, sends the same.
        assert sent(Arrivals(), history(names[:count], wire), wire) == now
        assert len(json.dumps(now)) <= len(json.dumps(history(names[:count], wire)))
        last = now


@pytest.mark.parametrize("wire", [CHAT, MESSAGES])
def test_what_is_seen_again_is_referred_to(wire: str) -> None:
    text = json.dumps(sent(Arrivals(), history(["alpha", "alpha"], wire), wire))
    assert text.count("alpha_20 = ") == 1
    assert "40 lines left out, same as above in `cat alpha.py`" in text


@pytest.mark.parametrize("wire", [CHAT, MESSAGES])
def test_what_is_left_out_is_counted(wire: str) -> None:
    messages = history(["alpha", "alpha"], wire)
    call = call_of({"messages": messages, "litellm_session_id": "s"}, wire)
    assert call is not None
    short = Arrivals().shortened(call, messages)
    assert short is not None
    whole, shorter = (len(text_of(m[-1]["content"])) for m in (messages, short))
    assert left_out(call, messages, short) == whole - shorter > 0


def text_of(content: Any) -> str:
    """The text of a result, on either wire."""
    return content if isinstance(content, str) else content[0]["content"]


@pytest.mark.parametrize("wire", [CHAT, MESSAGES])
def test_nothing_is_referred_to_that_a_client_took_out(wire: str) -> None:
    arrivals, whole = Arrivals(), history(["alpha", "alpha"], wire)
    sent(arrivals, whole, wire)
    del whole[1:3]
    assert sent(arrivals, whole, wire) == whole


def test_markers_may_move() -> None:
    arrivals, messages = Arrivals(), history(["alpha", "alpha"], MESSAGES)
    marked = json.loads(json.dumps(messages))
    marker = {"type": "ephemeral"}
    text = {"type": "text", "text": FILES["alpha"], "cache_control": marker}
    marked[-1]["content"][0]["content"] = [text]
    (part,) = sent(arrivals, marked, MESSAGES)[-1]["content"][0]["content"]
    assert "left out" in part["text"]
    assert part["cache_control"] == marker
    assert "left out" in sent(arrivals, messages, MESSAGES)[-1]["content"][0]["content"]


def test_edits_results_of_other_tools_and_unnamed_conversations_stay_whole() -> None:
    messages = history(["alpha", "alpha"], CHAT)
    for message in messages:
        for call in message.get("tool_calls", ()):
            call["function"]["name"] = "query_database"
    assert sent(Arrivals(), messages, CHAT) == messages
    call = call_of({"messages": history(["alpha", "alpha"], CHAT)}, CHAT)
    assert call is not None
    assert Arrivals().shortened(call, call.history) is None


@STARTING
@pytest.mark.xdist_group("gateway-arrival")
def test_a_gateway_with_the_filter_sends_less(tmp_path: Path) -> None:
    function = {"name": "bash", "parameters": {"type": "object", "properties": {}}}
    with started(tmp_path, config="[tokens]\nfilter = true\n\n") as gateway:
        answer = httpx.post(
            f"{gateway.address}/v1/chat/completions",
            headers={
                "authorization": f"Bearer {gateway.key}",
                "x-litellm-session-id": "look",
            },
            json={
                "model": f"{MODEL}/simple",
                "messages": history(["alpha", "alpha"], CHAT),
                "tools": [{"type": "function", "function": function}],
            },
            timeout=120,
        )
        assert answer.status_code == 200
        text = json.dumps(gateway.provider.requests[-1].body)
    assert text.count("alpha_20 = ") == 1
    assert "same as above in `cat alpha.py`" in text
