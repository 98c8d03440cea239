"""A refusal is recognised by its text, and mended where another history helps."""

from __future__ import annotations

import pytest
from openhands.sdk import LLM
from openhands.sdk.llm.exceptions import LLMBadRequestError
from pydantic import SecretStr

from openhands_tiered_router.calls.history.adapt import HistoryAdapter
from openhands_tiered_router.calls.history.authors import Authors
from openhands_tiered_router.calls.history.repair import REPAIRS, repair_for
from openhands_tiered_router.calls.history.target import Target
from openhands_tiered_router.loopback import LoopbackProvider
from tests.calls.history.histories import AUTHORS, history, picture


# The texts are the providers' own, from the issues named beside each pattern.
REFUSALS = {
    "thinking_blocks_unknown": [
        "messages.1.thinking_blocks: Extra inputs are not permitted",
        "Extra inputs are not permitted, field: 'messages[2].thinking_blocks'",
    ],
    "thinking_refused": [
        "messages.1.content.0.type: Expected `thinking` or `redacted_thinking`, but "
        "found `tool_use`.",
        "messages.5.content.1: `thinking` or `redacted_thinking` blocks in the latest "
        "assistant message cannot be modified.",
        "messages.1.content.0: Invalid `signature` in `thinking` block",
        "messages.647.content.0.thinking.signature: Field required",
    ],
    "reasoning_item_refused": [
        '{"error": {"code": "invalid_encrypted_content"}}',
        "The encrypted content gAAA...DQ== could not be verified.",
        "Item 'fc_0' of type 'function_call' was provided without its required "
        "'reasoning' item: 'rs_0'.",
    ],
    "short_ids": [
        "Tool call id was call_0fypS1hVX but must be a-z, A-Z, 0-9, with a length of 9"
    ],
    "call_ids": [
        "Invalid 'input[2].id': ''. Expected an ID that contains letters, numbers, "
        "underscores, or dashes",
    ],
    "reasoning_content_missing": [
        "thinking is enabled but reasoning_content is missing in assistant tool call "
        "message at index 2",
        "The `reasoning_content` in the thinking mode must be passed back to the API.",
    ],
    "thought_signature_missing": [
        "Function call is missing a thought_signature in functionCall parts.",
        "Unable to submit request because Thought signature is not valid..",
    ],
    "calls_unpaired": [
        "messages.7: `tool_use` ids were found without `tool_result` blocks "
        "immediately after: toolu_1",
        "An assistant message with 'tool_calls' must be followed by tool messages "
        "responding to each 'tool_call_id'.",
    ],
    "images_refused": [
        "this model does not support image input (ref: b8)",
        "Invalid content type. image_url is only supported by certain models.",
        "unknown variant `image_url`, expected `text`",
    ],
}


@pytest.mark.parametrize(
    ("name", "text"), [(n, text) for n, texts in REFUSALS.items() for text in texts]
)
def test_a_known_refusal_finds_its_repair(name: str, text: str) -> None:
    found = repair_for(LLMBadRequestError(f"litellm.BadRequestError: {text}"))
    assert found is not None
    assert found.name == name


def test_each_repair_has_a_refusal_here() -> None:
    assert {repair.name for repair in REPAIRS} == set(REFUSALS)


@pytest.mark.parametrize(
    "text",
    [
        "prompt is too long: 210000 tokens > 200000 maximum",
        "invalid api key",
        "Rate limit exceeded",
        "max_tokens: Extra inputs are not permitted",
    ],
)
def test_other_errors_are_left_to_others(text: str) -> None:
    assert repair_for(LLMBadRequestError(text)) is None


def test_a_refused_signature_is_mended_for_good(provider: LoopbackProvider) -> None:
    model = AUTHORS["adaptive"].model
    llm = LLM(
        model=model,
        api_key=SecretStr("key"),
        base_url=provider.base_url,
        usage_id="adaptive",
        num_retries=0,
    )
    messages, authors = history("adaptive", "chat")
    adapter = HistoryAdapter(Target.of(llm, "adaptive"), authors)
    with pytest.raises(LLMBadRequestError) as refused:
        llm.generate(adapter.adapt(messages))
    repair = repair_for(refused.value)
    assert repair is not None
    mended = repair.apply(adapter, messages)
    assert mended is not None
    assert llm.generate(mended).message.role == "assistant"
    assert adapter.adapt(messages) == mended


def test_no_retry_with_the_history_that_was_refused() -> None:
    messages, authors = history("chat")
    adapter = HistoryAdapter(Target(key="chat"), authors)
    repair = repair_for(LLMBadRequestError(REFUSALS["thinking_refused"][0]))
    assert repair is not None
    assert repair.apply(adapter, messages) is None


def test_refused_images_are_named_instead() -> None:
    adapter = HistoryAdapter(Target(key="x"), Authors())
    repair = repair_for(LLMBadRequestError(REFUSALS["images_refused"][0]))
    assert repair is not None
    mended = repair.apply(adapter, [picture()])
    assert mended is not None
    assert not mended[0].contains_image


def test_calls_without_signature_become_text() -> None:
    messages, authors = history("manual")
    adapter = HistoryAdapter(Target(key="gemini"), authors)
    text = REFUSALS["thought_signature_missing"][0]
    repair = repair_for(LLMBadRequestError(text))
    assert repair is not None
    mended = repair.apply(adapter, messages)
    assert mended is not None
    assert [m.role for m in mended] == ["system", "user", "assistant", "user"]
    assert not any(m.tool_calls for m in mended)
    assert "output 0" in str(mended[-1].content)
