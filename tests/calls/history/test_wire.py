"""What leaves the machine after a switch, for each pair of author and target."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from openhands.sdk import LLM
from openhands.sdk.llm import Message
from pydantic import SecretStr

from openhands_tiered_router.calls.history.target import Target
from openhands_tiered_router.loopback import LoopbackProvider
from tests.calls.history.histories import AUTHORS, adapt, history


PAIRS = [(a, t) for a in AUTHORS for t in AUTHORS if t not in ("gemini", a)]
"""litellm builds a Gemini request itself; see ``test_gemini_``."""
ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


@pytest.fixture
def lenient() -> Iterator[LoopbackProvider]:
    """Takes reasoning that it did not sign, which the strict one refuses."""
    with LoopbackProvider(strict=False) as provider:
        yield provider


def llm(target: str, provider: LoopbackProvider) -> LLM:
    return LLM(
        model=AUTHORS[target].model,
        api_key=SecretStr("key"),
        base_url=provider.base_url,
        usage_id=target,
        num_retries=0,
    )


def sent(
    target: str, provider: LoopbackProvider, messages: list[Message]
) -> dict[str, Any]:
    model = llm(target, provider)
    model.generate(messages)
    return dict(provider.requests[-1].body)


def ids(body: dict[str, Any]) -> tuple[list[str], list[str]]:
    """Ids of calls and of results, whatever the wire format."""
    calls: list[str] = []
    results: list[str] = []
    for message in body.get("messages", []):
        calls += [call["id"] for call in message.get("tool_calls") or []]
        results += [message["tool_call_id"]] if "tool_call_id" in message else []
        content = message.get("content")
        for block in content if isinstance(content, list) else []:
            if block["type"] == "tool_use":
                calls.append(block["id"])
            if block["type"] == "tool_result":
                results.append(block["tool_use_id"])
    for item in body.get("input", []):
        if item["type"] == "function_call":
            calls.append(item["call_id"])
            assert ID.fullmatch(item["id"])
        if item["type"] == "function_call_output":
            results.append(item["call_id"])
    return calls, results


@pytest.mark.parametrize(("author", "target"), PAIRS)
def test_a_foreign_history_leaves_clean(
    author: str, target: str, provider: LoopbackProvider
) -> None:
    messages, authors = history(author, author)
    mine = Target.of(llm(target, provider), target)
    body = sent(target, provider, adapt(messages, mine, authors))
    text = json.dumps(body)
    calls, results = ids(body)
    assert calls == results
    assert len(set(calls)) == 2
    assert text.count("output ") == 2
    assert all(ID.fullmatch(id_) for id_ in calls)
    for never in ("SECRET", "signature", "thinking_blocks", "__thought__", '"rs_'):
        assert never not in text


@pytest.mark.parametrize("target", ["responses", "manual", "adaptive", "kimi"])
def test_own_reasoning_goes_back_to_its_author(
    target: str, lenient: LoopbackProvider
) -> None:
    messages, authors = history(target, target)
    mine = Target.of(llm(target, lenient), target)
    assert adapt(messages, mine, authors) is messages
    assert "SECRET" in json.dumps(sent(target, lenient, messages))


@pytest.mark.parametrize("other", ["chat", "kimi", "responses"])
def test_manual_thinking_is_off_in_a_mixed_loop(
    other: str, provider: LoopbackProvider
) -> None:
    messages, authors = history("manual", other, "manual", other)
    mine = Target.of(llm("manual", provider), "manual")
    plain = llm("manual", provider)
    body = sent("manual", provider, adapt(messages, mine, authors))
    assert plain.extended_thinking_budget
    assert "thinking" not in body
    assert "SECRET" not in json.dumps(body)


def test_adaptive_thinking_keeps_its_own_blocks_in_a_mixed_loop(
    lenient: LoopbackProvider,
) -> None:
    messages, authors = history("adaptive", "manual", "adaptive", "kimi")
    mine = Target.of(llm("adaptive", lenient), "adaptive")
    body = json.dumps(sent("adaptive", lenient, adapt(messages, mine, authors)))
    assert body.count("SECRET-opus") == 2
    assert "SECRET-sonnet" not in body
    assert "SECRET-kimi" not in body


@pytest.mark.parametrize("target", ["kimi", "deepseek"])
def test_reasoning_content_is_filled_for_those_who_want_it(
    target: str, provider: LoopbackProvider
) -> None:
    messages, authors = history("chat", "manual", target)
    mine = Target.of(llm(target, provider), target)
    body = sent(target, provider, adapt(messages, mine, authors))
    said = [m for m in body["messages"] if m["role"] == "assistant"]
    expected = [" ", " ", AUTHORS[target].thoughts]
    assert [m["reasoning_content"] for m in said] == expected


def test_mocked_tool_calls_come_one_a_message(provider: LoopbackProvider) -> None:
    messages, authors = history("chat", calls=2)
    model = llm("chat", provider)
    mocked = model.model_copy(update={"native_tool_calling": False})
    adapted = adapt(messages, Target.of(mocked, "other"), authors)
    roles = [m.role for m in adapted[2:]]
    assert roles == ["assistant", "tool", "assistant", "tool"]
    assert [len(m.tool_calls or []) for m in adapted[2::2]] == [1, 1]


def test_gemini_gets_no_foreign_signature(provider: LoopbackProvider) -> None:
    messages, authors = history("gemini", "manual")
    model = llm("gemini", provider)
    mine = Target.of(model, "gemini")
    dicts = model.format_messages_for_llm(adapt(messages, mine, authors))
    said = [m for m in dicts if m["role"] == "assistant"]
    assert "__thought__" in said[0]["tool_calls"][0]["id"]
    assert "thinking_blocks" not in said[1]
