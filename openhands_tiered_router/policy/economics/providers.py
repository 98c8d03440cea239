"""What providers say about their prompt caches: lifetimes, and what they sell.

``seconds`` is what the decision reckons with. Where a provider names a range or only
an upper limit it is the lower end, since a cache that is believed alive and is not
costs more than the reverse. Prices stand in ``price_book``. As of November 2026.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final

from openhands_tiered_router.tiers import FIVE_MINUTES, Prices


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheTerms:
    """A provider's prompt cache."""

    seconds: float
    """Lifetime without use, as reckoned with."""
    documented: bool
    """Whether the provider states that figure; else it is this project's."""
    source: str
    marks_hours: bool = False
    """Whether a request may ask for an hour (``cache_control.ttl``)."""


SDK_RETENTION: Final = "24h"
"""Default of the SDK's ``LLM.prompt_cache_retention``."""
_DAY: Final = 86_400.0
_UNKNOWN: Final = CacheTerms(
    seconds=FIVE_MINUTES, documented=False, source="no statement found"
)
_ANTHROPIC: Final = CacheTerms(
    seconds=FIVE_MINUTES,
    documented=True,
    source="platform.claude.com/docs/en/build-with-claude/prompt-caching: "
    "5 minutes, refreshed by each use; 1 hour at twice the input price",
    marks_hours=True,
)
_OPENAI: Final = CacheTerms(
    seconds=FIVE_MINUTES,
    documented=True,
    source="developers.openai.com/docs/guides/prompt-caching: cleared after 5 to 10 "
    "minutes without use, always within an hour",
)
_OPENAI_EXTENDED: Final = CacheTerms(
    seconds=3_600.0,
    documented=False,
    source="developers.openai.com/docs/guides/prompt-caching: prompt_cache_retention "
    '"24h" keeps a prefix for up to 24 hours, at the same price; no lower limit',
)
_LOCAL: Final = CacheTerms(
    seconds=_DAY,
    documented=False,
    source="kept in the server's memory until other prompts need it; no price",
)

TERMS: Final[dict[str, CacheTerms]] = {
    "anthropic": _ANTHROPIC,
    "bedrock": replace(
        _ANTHROPIC,
        source="docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html: "
        "5 minutes, reset by each hit; 1 hour too for Claude 4.5",
    ),
    "vertex_ai": replace(
        _ANTHROPIC,
        source="docs.cloud.google.com/vertex-ai/generative-ai/docs/partner-models/"
        "claude/prompt-caching: as Anthropic's documentation says",
    ),
    "openrouter": replace(
        _ANTHROPIC,
        source="openrouter.ai/docs/guides/best-practices/prompt-caching: the model's "
        "provider keeps it, and requests stay with that provider",
    ),
    "openai": _OPENAI,
    "azure": replace(
        _OPENAI,
        source="learn.microsoft.com/azure/foundry/openai/how-to/prompt-caching: "
        "cleared after 5 to 10 minutes without use, always within an hour",
    ),
    "gemini": CacheTerms(
        seconds=FIVE_MINUTES,
        documented=False,
        source="ai.google.dev/gemini-api/docs/caching: states no lifetime of implicit "
        "caches; explicit ones, which this project does not make, live an hour unless "
        "the request says otherwise, and their storage is charged",
    ),
    "deepseek": CacheTerms(
        seconds=3_600.0,
        documented=False,
        source="api-docs.deepseek.com/guides/kv_cache: on disk, cleared when unused "
        "after a few hours to a few days",
    ),
    "ollama": _LOCAL,
    "ollama_chat": _LOCAL,
    "lm_studio": _LOCAL,
    "llamafile": _LOCAL,
    "hosted_vllm": _LOCAL,
}
_MAKERS: Final = {
    "claude": "anthropic", "gpt-": "openai", "o3": "openai", "o4": "openai",
    "gemini": "gemini", "deepseek": "deepseek",
}  # fmt: skip
"""Whose model a name without a provider's prefix is, or one that a proxy serves."""
_EXTENDED: Final = re.compile(r"gpt-5\.1-codex-mini|gpt-(?:5|4\.1)(?!.*mini)")
"""Models for which the SDK sends ``prompt_cache_retention``."""
_CARRIERS: Final = frozenset({"bedrock", "vertex_ai", "openrouter", "azure_ai"})
"""Providers that serve several makers' models: Anthropic's terms hold for Claude."""


def cache_terms(model: str, retention: str | None = None) -> CacheTerms:
    """What holds for a litellm model string.

    Args:
        model: Such as ``anthropic/claude-opus-4-5``.
        retention: The SDK's ``prompt_cache_retention``, which it sends for the models
            that take it.
    """
    provider, slash, name = model.lower().partition("/")
    maker = next((m for mark, m in _MAKERS.items() if mark in model.lower()), None)
    if provider.startswith("bedrock"):
        provider = "bedrock"
    if not slash or provider not in TERMS or provider in _CARRIERS:
        if slash and provider in TERMS and maker == "anthropic":
            return TERMS[provider]
        terms = TERMS.get(maker or "", _UNKNOWN)
    else:
        terms = TERMS[provider]
    if terms is _OPENAI and retention == "24h" and _EXTENDED.search(model.lower()):
        return _OPENAI_EXTENDED
    return terms


def with_hour(prices: Prices, model: str) -> Prices:
    """``prices`` with that of an hour's write where Anthropic's scheme holds.

    Five minutes at 1.25 times the input price are sold with an hour at twice. That is
    taken of a model whose provider sells hours, and of one whose provider is not
    known but charges exactly so; never of another provider's.
    """
    terms = cache_terms(model)
    if prices.cache_write_1h is not None or not (
        terms.marks_hours or terms is _UNKNOWN
    ):
        return prices
    if prices.input <= 0.0 or abs(prices.cache_write / prices.input - 1.25) > 1e-6:
        return prices
    return replace(prices, cache_write_1h=2.0 * prices.input)
