"""Writing a configuration file that explains itself."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from openhands_tiered_router.config.presets import PresetEndpoint
from openhands_tiered_router.config.schema import (
    DispatchConfig,
    GraphConfig,
    PolicyConfig,
    TelemetryConfig,
)
from openhands_tiered_router.config.sections.breaker import BreakerConfig
from openhands_tiered_router.config.sections.budgets import BudgetConfig
from openhands_tiered_router.config.sections.cache import CacheConfig
from openhands_tiered_router.config.sections.confirm import ConfirmConfig
from openhands_tiered_router.config.sections.explore import ExploreConfig
from openhands_tiered_router.config.sections.loops import LoopsConfig
from openhands_tiered_router.config.sections.metrics import MetricsConfig
from openhands_tiered_router.config.sections.reload import ReloadConfig
from openhands_tiered_router.config.sections.resolver import ResolverConfig
from openhands_tiered_router.config.sections.sandbox import SandboxConfig
from openhands_tiered_router.config.sections.skills import SkillsConfig
from openhands_tiered_router.config.sections.state import StateConfig
from openhands_tiered_router.config.sections.verify import VerifyConfig
from openhands_tiered_router.policy.economics.price_book import PriceBook
from openhands_tiered_router.tiers import Prices, Tier


_HEADER: Final = """\
# Configuration of openhands-tiered-router.
# Check it with: tiered-router doctor     Every key: docs/configuration.md
#
# A tier may have several endpoints: repeat its table. A tier that is left out is
# served by the next stronger one. Keys stay in environment variables.
"""
_PURPOSE: Final = {
    Tier.SIMPLE: "mechanical turns: search, reading, listing, summaries",
    Tier.MEDIUM: "tasks of middling complexity",
    Tier.COMPLEX: "hard turns: the first one, plans, and after failures",
    Tier.REASONING: "the hardest tasks, and where the others failed",
}
_SECTIONS: Final[Mapping[str, type[BaseModel]]] = {
    "policy": PolicyConfig,
    "dispatch": DispatchConfig,
    "breaker": BreakerConfig,
    "telemetry": TelemetryConfig,
    "graph": GraphConfig,
    "[budgets]": BudgetConfig,
    "state": StateConfig,
    "explore": ExploreConfig,
    "cache": CacheConfig,
    "loops": LoopsConfig,
    "verify": VerifyConfig,
    "confirm": ConfirmConfig,
    "skills": SkillsConfig,
    "resolver": ResolverConfig,
    "sandbox": SandboxConfig,
    "metrics": MetricsConfig,
    "reload": ReloadConfig,
}


def render(tiers: Mapping[Tier, PresetEndpoint], book: PriceBook) -> str:
    """The TOML text for ``tiers``, with every other setting as a comment."""
    default = Tier.COMPLEX
    parts = [
        _HEADER,
        "# Tier to start with while nothing better is known.",
        f'default_tier = "{default}"\n',
        *(_tier(tier, tiers[tier], book) for tier in Tier if tier in tiers),
        "# What follows are the defaults; remove the # to change one.\n",
        *("\n".join(_section(name, model)) for name, model in _SECTIONS.items()),
    ]
    return "\n".join(parts)


def _tier(tier: Tier, endpoint: PresetEndpoint, book: PriceBook) -> str:
    lines = [f"# {tier}: {_PURPOSE[tier]}", f"[[tiers.{tier}.endpoints]]"]
    if endpoint.note:
        lines += [f"# {line}" for line in endpoint.note.splitlines()]
    lines += [f"{k} = {_value(v)}" for k, v in _keys(endpoint, book).items()]
    prices = book.prices(endpoint.priced_as or endpoint.model)
    if prices is not None:
        lines.insert(2, f"# {_per_million(prices)}")
    return "\n".join(lines) + "\n"


def _keys(endpoint: PresetEndpoint, book: PriceBook) -> dict[str, Any]:
    keys = {"model": endpoint.model, **endpoint.keys}
    listed = book.row(endpoint.priced_as) if endpoint.priced_as else None
    if listed is not None and book.prices(endpoint.model) is None:
        names = (
            "input_cost_per_token",
            "output_cost_per_token",
            "cache_read_input_token_cost",
            "cache_creation_input_token_cost",
            "max_input_tokens",
        )
        keys |= {name: listed[name] for name in names if listed.get(name) is not None}
        keys["vision"] = bool(listed.get("supports_vision"))
    return keys


def _per_million(prices: Prices) -> str:
    if prices.input == prices.output == 0:
        return "Runs on your machine: costs nothing a token."
    numbers = (prices.input, prices.cache_read, prices.output)
    texts = [f"{1e6 * number:.4g}" for number in numbers]
    return "USD per million tokens: {} input, {} cached, {} output.".format(*texts)


def _section(name: str, model: type[BaseModel]) -> Iterator[str]:
    required = any(f.is_required() for f in model.model_fields.values())
    # A table that needs more than its defaults stays a comment when the # is removed.
    mark = "# #" if required else "#"
    yield f"{mark} [{name}]"
    for key, field in model.model_fields.items():
        for line in (field.description or "").replace("``", "").splitlines():
            yield f"#   # {line.strip()}"
        default = field.get_default(call_default_factory=True)
        if default is PydanticUndefined:
            yield f"#   # {key} is required"
        elif default is None:
            yield f"#   # {key} is not set"
        else:
            yield f"{mark}   {key} = {_value(default)}"
    yield ""


def _value(value: Any) -> str:
    """``value`` in TOML, which writes text, numbers and booleans as JSON does."""
    return json.dumps(str(value) if isinstance(value, Tier) else value)
