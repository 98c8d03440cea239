"""Writing a configuration file that explains itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from openhands_tiered_router.config.presets import PresetEndpoint
from openhands_tiered_router.pages import doc_page
from openhands_tiered_router.policy.economics.price_book import PriceBook
from openhands_tiered_router.tiers import Prices, Tier


# Dotted keys before the first table, so that each line can be uncommented alone.
_HEADER: Final = f"""\
# Check this file with `tiered-router doctor`. Every key, explained:
# {doc_page("configuration")}
# Remove a # to change one of these; each line works alone.
# policy.task_value = 20.0                  # USD that a solved task is worth to you
# policy.quality_floor = "medium"                         # no turn is served below it
# default_tier = "medium"        # where tasks start while success rates are unknown
# budgets = [{{ name = "daily", scope = "day", usd = 10.0 }}]        # spending limits
# verify.enabled = true                          # run the tests before a task ends
# telemetry.enabled = false                                # keep no record of calls
"""
_TASK_VALUE: Final = "# policy.task_value = 20.0 "
_PURPOSE: Final = {
    Tier.SIMPLE: "mechanical turns: search, reading, listing, summaries",
    Tier.MEDIUM: "tasks of middling complexity",
    Tier.COMPLEX: "hard turns: the first one, plans, and after failures",
    Tier.REASONING: "the hardest tasks, and where the others failed",
}


def render(
    tiers: Mapping[Tier, PresetEndpoint],
    book: PriceBook,
    task_value: float | None = None,
) -> str:
    """The TOML text for ``tiers``, with the settings most asked for as comments.

    ``task_value``: USD that a solved task is worth; ``None``: left at the default.
    """
    header = _HEADER
    if task_value is not None:
        given = f"policy.task_value = {float(task_value)} "
        header = header.replace(_TASK_VALUE, given, 1)
    tables = (_tier(tier, tiers[tier], book) for tier in Tier if tier in tiers)
    return "\n".join((header, *tables))


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


def _value(value: Any) -> str:
    """``value`` in TOML, which writes text, numbers and booleans as JSON does."""
    return json.dumps(str(value) if isinstance(value, Tier) else value)
