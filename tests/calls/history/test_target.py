"""What the SDK knows of a model, as the history needs it."""

from __future__ import annotations

import pytest
from openhands.sdk import LLM

from openhands_tiered_router.calls.history.target import Target


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("anthropic/claude-sonnet-4-5", {"thinking": "manual", "wire": "chat"}),
        ("anthropic/claude-opus-4-5", {"thinking": "manual"}),
        ("openrouter/anthropic/claude-sonnet-4.5", {"thinking": "manual"}),
        ("anthropic/claude-opus-4-7", {"thinking": "adaptive", "vision": True}),
        ("openai/gpt-5-codex", {"thinking": "none", "wire": "responses"}),
        ("moonshot/kimi-k2.5", {"reasoning_content": True, "thinking": "none"}),
        ("deepseek/deepseek-reasoner", {"reasoning_content": True, "vision": False}),
        ("mistral/mistral-large-latest", {"short_ids": True}),
        ("gemini/gemini-2.5-pro", {"thinking": "none", "wire": "chat"}),
    ],
)
def test_a_target_says_what_its_model_wants(
    model: str, expected: dict[str, object]
) -> None:
    target = Target.of(LLM(model=model, usage_id="x"), "x")
    assert {name: getattr(target, name) for name in expected} == expected


def test_mocked_tools_are_seen() -> None:
    llm = LLM(model="ollama/qwen2.5-coder:7b", native_tool_calling=False, usage_id="x")
    assert Target.of(llm, "x").mocked_tools
