"""What a provider's refusal of a history teaches, and the history to retry with."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from openhands_tiered_router.calls.history.adapt import HistoryAdapter


if TYPE_CHECKING:
    from openhands.sdk.llm import Message


@dataclass(frozen=True, slots=True)
class Repair:
    """One kind of refusal: what it says, and what it shows about the endpoint."""

    name: str
    pattern: re.Pattern[str]
    """Found in the error's text, upper or lower case."""
    learn: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    """Fields of ``Target`` that it sets."""
    disown: bool = False
    """The endpoint takes nothing back that it signed; treat all as foreign."""

    def apply(
        self, adapter: HistoryAdapter, messages: list[Message]
    ) -> list[Message] | None:
        """The messages for one retry; ``None`` if they would be those just refused.

        The adapter keeps what was learnt, so the next call is right at once.
        """
        refused = adapter.adapt(messages)
        adapter.retarget(replace(adapter.target, **self.learn), disown=self.disown)
        mended = adapter.adapt(messages)
        return None if mended == refused else mended


def _repair(name: str, *patterns: str, disown: bool = False, **learn: Any) -> Repair:
    pattern = re.compile("|".join(patterns), re.IGNORECASE | re.DOTALL)
    return Repair(name, pattern, MappingProxyType(learn), disown)


REPAIRS: Final[tuple[Repair, ...]] = (
    _repair(
        "thinking_blocks_unknown",
        # BerriAI/litellm#15758, Aperant#1988 (Fireworks, Together, Databricks)
        r"thinking_blocks.{0,80}extra inputs are not permitted",
        r"extra inputs are not permitted.{0,80}thinking_blocks",
        thinking_blocks=False,
    ),
    _repair(
        "thinking_refused",
        # anomalyco/opencode#3077, Kilo-Org/kilocode#5219
        r"expected `?thinking`? or `?redacted_thinking`?,? but found",
        # anthropics/claude-code#19539
        r"`?redacted_thinking`? blocks in the latest assistant message cannot be",
        # vybestack/llxprt-code#2335, openclaw/openclaw#107221; also a prefix that
        # changed before the block ("bound to a different conversation")
        r"invalid `?signature`? in `?thinking`? block",
        # anomalyco/opencode#25005
        r"thinking\.signature: field required",
        # BerriAI/litellm#18926
        r"when thinking is disabled, an? `?assistant`? message .{0,40}cannot contain",
        disown=True,
        thinking_blocks=False,
    ),
    _repair(
        "reasoning_item_refused",
        # openai/codex#8145, openai/codex#17541
        r"invalid_encrypted_content",
        r"encrypted content .{0,200}could not be (verified|decrypted)",
        # mastra-ai/mastra#8738
        r"provided without its required '?(reasoning|following)'? item",
        disown=True,
    ),
    _repair(
        "short_ids",
        # anomalyco/opencode#1680, karthink/gptel#1203
        r"tool call id was .{0,400}must be a-z, a-z, 0-9, with a length of 9",
        short_ids=True,
        disown=True,
    ),
    _repair(
        "call_ids",
        # langchain-ai/langchainjs#11044, earendil-works/pi#977
        r"expected an id that contains letters, numbers, underscores",
        # Anthropic's and OpenAI's length and pattern checks of ids
        r"tool_use(_id|\.id): string should match pattern",
        r"tool_calls?.{0,40}\.id'?: string too long",
        r"tool_call_id'?: string too long",
        r"input\[\d+\]\.(call_)?id'?: string too long",
        disown=True,
    ),
    _repair(
        "reasoning_content_missing",
        # mastra-ai/mastra#12592, anomalyco/opencode#10996 (Kimi)
        r"reasoning_content is missing in assistant",
        # anomalyco/opencode#24135 (DeepSeek)
        r"`?reasoning_content`? in the thinking mode must be passed back",
        reasoning_content=True,
    ),
    _repair(
        "thought_signature_missing",
        # nanbingxyz/5ire#405, GewoonJaap/gemini-cli-openai#156
        r"missing a `?thought_signature",
        # NoeFabris/opencode-antigravity-auth#368
        r"thought signature is not valid",
        tools_as_text=True,
        disown=True,
    ),
    _repair(
        "calls_unpaired",
        # aliasrobotics/cai#182; the SDK's own list of malformed histories
        r"`?tool_use`? ids were found without `?tool_result`?",
        r"each `?tool_use`? (block )?must have a (corresponding|single)",
        r"unexpected `?tool_use_id`? found in `?tool_result`?",
        r"each `?tool_result`? block must have a corresponding",
        r"multiple `?tool_result`? blocks with id",
        r"must be followed by tool messages responding to each",
        tools_as_text=True,
    ),
    _repair(
        "images_refused",
        # ollama/ollama#17301, vllm-project/vllm#11629
        r"does not support image",
        r"image_url is only supported by certain models",
        # DayuanJiang/next-ai-draw-io#55 (DeepSeek)
        r"unknown variant `?image_url`?",
        vision=False,
    ),
)
"""Tried in this order. Blank text (anthropics/claude-code#59812 and #23440) is not
here: no history leaves with it, so an error about it has another cause."""


def repair_for(error: BaseException) -> Repair | None:
    """The repair for a refusal; ``None``: it is not one that we know.

    Args:
        error: What the SDK or litellm raised. Only its text counts, because the
            same refusal arrives in different types and with different statuses.
    """
    text = str(error)
    return next((r for r in REPAIRS if r.pattern.search(text)), None)
