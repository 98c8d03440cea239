"""Models to start with, for those who do not want to choose sixteen names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from openhands_tiered_router.tiers import Tier


@dataclass(frozen=True, slots=True)
class PresetEndpoint:
    """One endpoint of a preset."""

    model: str
    keys: Mapping[str, Any] = field(default_factory=dict)
    """Further keys of its table."""
    priced_as: str | None = None
    """Model whose list prices are written down, where litellm lists none for it."""
    note: str | None = None
    """What the user must know, written above it."""


@dataclass(frozen=True, slots=True)
class Preset:
    """A configuration to start with."""

    title: str
    tiers: Mapping[Tier, PresetEndpoint]


def _endpoint(model: str, variable: str, **keys: Any) -> PresetEndpoint:
    return PresetEndpoint(model, {"api_key_env": variable, **keys})


def _anthropic(model: str) -> PresetEndpoint:
    return _endpoint(f"anthropic/{model}", "ANTHROPIC_API_KEY")


def _openai(model: str, **keys: Any) -> PresetEndpoint:
    return _endpoint(f"openai/{model}", "OPENAI_API_KEY", **keys)


def _openrouter(model: str, priced_as: str) -> PresetEndpoint:
    return PresetEndpoint(
        f"openrouter/{model}",
        {"api_key_env": "OPENROUTER_API_KEY"},
        priced_as,
        note="The maker's list prices, which OpenRouter passes on: see its page.",
    )


_CLAUDE: Final = {
    Tier.SIMPLE: _anthropic("claude-haiku-5-5"),
    Tier.MEDIUM: _anthropic("claude-sonnet-5-5"),
    Tier.COMPLEX: _anthropic("claude-opus-5-5"),
    Tier.REASONING: _anthropic("claude-fable-5-1"),
}

_LOCAL: Final = PresetEndpoint(
    "ollama_chat/qwen3-coder:30b",
    {"base_url": "http://localhost:11434", "max_input_tokens": 32_768},
    note="Ollama serves short prompts only, unless its server is started with\n"
    "OLLAMA_CONTEXT_LENGTH=32768 or more. Fetch the model with: ollama pull",
)

PRESETS: Final[Mapping[str, Preset]] = {
    "anthropic": Preset("Claude in all tiers", _CLAUDE),
    "openai": Preset(
        "GPT in all tiers",
        {
            Tier.SIMPLE: _openai("gpt-6-luna"),
            Tier.MEDIUM: _openai("gpt-6.1-sol", reasoning_effort="medium"),
            Tier.COMPLEX: _openai("gpt-6.1-sol"),
            Tier.REASONING: _openai("gpt-6-astra"),
        },
    ),
    "ollama": Preset(
        "a local model for the simple tier, Claude above",
        {**_CLAUDE, Tier.SIMPLE: _LOCAL},
    ),
    "openrouter": Preset(
        "Claude and GPT through OpenRouter",
        {
            Tier.SIMPLE: _openrouter(
                "anthropic/claude-haiku-5.5", "anthropic/claude-haiku-5-5"
            ),
            Tier.MEDIUM: _openrouter(
                "anthropic/claude-sonnet-5.5", "anthropic/claude-sonnet-5-5"
            ),
            Tier.COMPLEX: _openrouter(
                "anthropic/claude-opus-5", "anthropic/claude-opus-5"
            ),
            Tier.REASONING: _openrouter("openai/gpt-6-astra", "openai/gpt-6-astra"),
        },
    ),
}
"""The models are those that the SDK lists as working well with its agents."""
