from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from openhands_tiered_router.loopback import Reply, ToolCall
from openhands_tiered_router.loopback.chat import CHAT
from openhands_tiered_router.loopback.messages import MESSAGES
from openhands_tiered_router.loopback.metering import Metered
from openhands_tiered_router.loopback.provider import read_body
from openhands_tiered_router.loopback.responses import RESPONSES
from openhands_tiered_router.loopback.wire import (
    Format,
    Malformed,
    arguments,
    pieces,
    plain_text,
)
from openhands_tiered_router.policy.outcome import Usage


FIELDS = (
    "messages", "input", "tools", "system", "instructions", "role", "content", "type",
    "tool_calls", "function", "arguments", "name", "id", "call_id", "tool_call_id",
    "tool_use_id", "text", "thinking", "signature", "summary", "output", "include",
    "reasoning_content", "encrypted_content", "cache_control", "stream_options",
)  # fmt: skip
WORDS = (
    "user", "assistant", "tool", "system", "message", "function_call", "text",
    "function_call_output", "reasoning", "tool_use", "tool_result", "thinking",
    "enabled", "a", "", "kimi",
)  # fmt: skip
scalars = st.none() | st.booleans() | st.integers() | st.sampled_from(WORDS)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=5)
    ),
    max_leaves=12,
)
items = st.lists(st.dictionaries(st.sampled_from(FIELDS), values, max_size=6))
bodies = st.fixed_dictionaries(
    {"model": st.sampled_from(WORDS)},
    optional={
        "messages": items | values,
        "input": items | values,
        "tools": items | values,
        "system": values,
        "instructions": values,
        "thinking": values,
        "include": values,
        "stream_options": values,
    },
)
formats = pytest.mark.parametrize(
    "wire", [CHAT, RESPONSES, MESSAGES], ids=["chat", "responses", "messages"]
)
REPLY = Reply(text="t" * 50, thinking="h", tool_calls=(ToolCall("n", {"a": 1}),))


@formats
@settings(max_examples=60, deadline=None)
@given(body=bodies)
def test_any_body_is_understood_or_malformed(wire: Format, body: Any) -> None:
    with contextlib.suppress(Malformed):
        read_body(json.dumps(body).encode())
        wire.messages(body)
        wire.blocks(body)
        wire.reject(body)
        assert wire.plain(body, REPLY, Metered(Usage()))
        assert list(wire.stream(body, REPLY, Metered(Usage())))


def test_pieces_add_up() -> None:
    text = "x" * 100
    assert len(list(pieces(text))) > 3
    assert "".join(pieces(text)) == text


def test_text_is_found_in_strings_and_parts() -> None:
    parts = [{"text": "a"}, {"type": "image"}, "b", {"text": "c"}]
    assert [plain_text(c) for c in ("s", parts, None)] == ["s", "a\nc", ""]


def test_what_is_no_object_counts_as_no_arguments() -> None:
    given = ['{"a": 1}', "[]", "{", None, {}]
    assert [arguments(g) for g in given] == [{"a": 1}, {}, {}, {}, {}]
