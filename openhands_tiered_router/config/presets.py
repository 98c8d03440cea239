"""Models to start with, for those who do not want to choose sixteen names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from openhands_tiered_router.config.reach import LocalServer
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

WINDOW: Final = 32_768
"""Tokens: less holds no agent's prompt, more fits few machines."""


def _ollama(model: str) -> PresetEndpoint:
    return PresetEndpoint(
        f"ollama_chat/{model}",
        {"base_url": "http://localhost:11434", "max_input_tokens": WINDOW},
        note="Ollama serves short prompts only, unless its server is started with\n"
        f"OLLAMA_CONTEXT_LENGTH={WINDOW} or more. Fetch it: ollama pull {model}",
    )


_OLLAMA: Final = {
    Tier.SIMPLE: _ollama("qwen3:8b"),
    Tier.MEDIUM: _ollama("qwen3-coder:30b"),
    Tier.COMPLEX: _ollama("qwen3-coder:30b"),
    Tier.REASONING: _ollama("gpt-oss:120b"),
}


def from_server(server: LocalServer) -> Preset:
    """The models of a server on this machine, the first in all tiers."""
    keys: dict[str, Any] = {"base_url": server.base_url, "max_input_tokens": WINDOW}
    if server.prefix == "hosted_vllm":
        # Rented ones cost something, so the price book does not list vLLM as free.
        keys |= {"input_cost_per_token": 0.0, "output_cost_per_token": 0.0}
    model = PresetEndpoint(f"{server.prefix}/{server.models[0]}", keys)
    return Preset(f"{server.name} on this machine", dict.fromkeys(Tier, model))


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
    "ollama": Preset("Ollama in all tiers: no key, costs nothing a token", _OLLAMA),
    "local": Preset("whatever serves models on this machine: no key", _OLLAMA),
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
