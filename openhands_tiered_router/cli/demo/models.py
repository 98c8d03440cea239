"""The four stand-in models of the demo and what they cost."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from openhands_tiered_router.tiers import Prices, Tier


MODELS: Final[Mapping[Tier, str]] = {
    Tier.SIMPLE: "openai/demo-nano",
    Tier.MEDIUM: "openai/demo-mini",
    Tier.COMPLEX: "anthropic/demo-sonnet",
    Tier.REASONING: "anthropic/demo-opus",
}
"""litellm model strings: two wire formats, and names that no provider has."""

_MILLION: Final = 1e6

PRICES: Final[Mapping[Tier, Prices]] = {
    Tier.SIMPLE: Prices(
        input=0.10 / _MILLION,
        output=0.40 / _MILLION,
        cache_read=0.025 / _MILLION,
        cache_write=0.10 / _MILLION,
    ),
    Tier.MEDIUM: Prices(
        input=0.40 / _MILLION,
        output=1.60 / _MILLION,
        cache_read=0.10 / _MILLION,
        cache_write=0.40 / _MILLION,
    ),
    Tier.COMPLEX: Prices(
        input=3.00 / _MILLION,
        output=15.00 / _MILLION,
        cache_read=0.30 / _MILLION,
        cache_write=3.75 / _MILLION,
    ),
    Tier.REASONING: Prices(
        input=5.00 / _MILLION,
        output=25.00 / _MILLION,
        cache_read=0.50 / _MILLION,
        cache_write=6.25 / _MILLION,
    ),
}
"""USD per token: the list prices that litellm's table gives for gpt-4.1-nano,
gpt-4.1-mini, claude-sonnet-4-5 and claude-opus-4-5."""


def name_at_provider(tier: Tier) -> str:
    """The model's name as in the request."""
    return MODELS[tier].partition("/")[2]


def configuration(base_url: str, telemetry: Path) -> str:
    """A router's configuration (TOML) for these models at that address.

    Args:
        base_url: Where all four are served.
        telemetry: The SQLite file for decisions.
    """
    lines = [f"telemetry.path = {json.dumps(str(telemetry))}", ""]
    for tier, model in MODELS.items():
        prices = PRICES[tier]
        lines += [
            f"[[tiers.{tier}.endpoints]]",
            f'model = "{model}"',
            f'base_url = "{base_url}"',
            "max_input_tokens = 200_000",
            "max_output_tokens = 8_000",
            f"input_cost_per_token = {prices.input!r}",
            f"output_cost_per_token = {prices.output!r}",
            f"cache_read_input_token_cost = {prices.cache_read!r}",
            f"cache_creation_input_token_cost = {prices.cache_write!r}",
            *(_MARKERS if model.startswith("anthropic/") else []),
            "",
        ]
    return "\n".join(lines)


_MARKERS: Final = ["capability_overrides = { supports_prompt_cache = true }"]
"""The SDK marks prompts for caching only for model names that it knows."""
