"""What matters of the endpoint that will receive a history."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal


if TYPE_CHECKING:
    from openhands.sdk import LLM


Wire = Literal["chat", "responses"]
Thinking = Literal["none", "manual", "adaptive"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The endpoint that receives the history, as far as the history is concerned."""

    key: str
    """Endpoint key; what it wrote itself it gets back unchanged."""
    model: str = ""
    wire: Wire = "chat"
    """Which of the SDK's two serialisers writes the request."""
    thinking: Thinking = "none"
    """Claude only. ``manual``: a tool loop must open with a thinking block of its
    own; ``adaptive``: it need not."""
    thinking_blocks: bool = True
    """Takes its own thinking blocks back."""
    reasoning_content: bool = False
    """Wants ``reasoning_content`` on assistant messages (Kimi, DeepSeek, MiniMax)."""
    vision: bool = True
    mocked_tools: bool = False
    """No native tool calls: the SDK writes them out as text, one a message."""
    short_ids: bool = False
    """Tool call ids are exactly nine letters or digits (Mistral)."""
    tools_as_text: bool = False
    """Past tool calls must not appear as such; see ``repair``."""
    shortens: bool = False
    """Gets old results that it never saw as notices; ``[tokens] handover``."""

    @classmethod
    def of(
        cls,
        llm: LLM,
        key: str,
        *,
        responses: bool | None = None,
        shortens: bool = False,
    ) -> Target:
        """The target that a call to ``llm`` reaches; no network, about 50 us.

        ``responses``: whether over the Responses API; ``None``: as the model says.
        """
        if responses is None:
            responses = llm.uses_responses_api()
        features = llm._model_features()
        model = (llm.model_canonical_name or llm.model).lower()
        return cls(
            key=key,
            model=llm.model,
            wire="responses" if responses else "chat",
            thinking=_claude_thinking(features.thinking_mode)
            if "claude" in model
            else "none",
            reasoning_content=features.send_reasoning_content,
            vision=llm.vision_is_active(),
            mocked_tools=not llm.native_tool_calling,
            shortens=shortens,
            short_ids=any(name in model for name in _SHORT_ID_MODELS),
        )


_SHORT_ID_MODELS = ("mistral", "mixtral", "devstral", "codestral", "magistral")
"""anomalyco/opencode#1680, openclaw/openclaw#23595."""


def _claude_thinking(mode: str) -> Thinking:
    """The SDK says ``unknown`` for Claude 4.0 to Opus 4.5: litellm turns their
    reasoning effort into a budget, so they follow the rules of manual thinking."""
    if mode in ("none", "adaptive"):
        return mode
    return "manual"
