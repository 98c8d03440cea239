"""Making litellm charge what the configuration says.

The SDK counts money with ``litellm.completion_cost``. Two price fields on its
``LLM`` override litellm's table, but then cached tokens cost as much as others.
Registering the prices under the model's name counts every kind of token, but holds
for the whole process, and only while the provider answers under that name. So
prices are registered, and the two fields serve an endpoint where they say it all.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from openhands_tiered_router.config.errors import Problem
from openhands_tiered_router.config.schema import RouterConfig
from openhands_tiered_router.policy.economics.price_book import PriceBook
from openhands_tiered_router.tiers import Endpoint, LongContextPrices, Prices, TierSet


_OPENAI_USAGE: Final = ("openai", "azure", "azure_ai", "hosted_vllm", "openrouter")
"""Providers whose usage counts cached tokens as part of the prompt, once."""

_LONG: Final = re.compile(r"(.+)_above_(\d+)k_tokens")
_FIELDS: Final = {
    "input_cost_per_token": "input",
    "output_cost_per_token": "output",
    "cache_read_input_token_cost": "cache_read",
    "cache_creation_input_token_cost": "cache_write",
}


@dataclass(frozen=True, slots=True)
class Billing:
    """How litellm learns the prices."""

    rows: Mapping[str, Mapping[str, Any]]
    """What to register, by litellm's name of the model."""
    on_llm: Mapping[str, Prices]
    """Endpoint keys whose ``LLM`` carries its two price fields."""
    problems: Sequence[Problem] = ()
    """Endpoints of one model whose prices cannot all be counted exactly."""


def plan_billing(config: RouterConfig, tiers: TierSet, book: PriceBook) -> Billing:
    """How to count the prices of ``tiers``, the endpoints of ``config``, exactly."""
    by_name: dict[str, list[Endpoint]] = defaultdict(list)
    for endpoint in tiers.endpoints:
        if endpoint.prices is not None:
            by_name[_litellm_name(endpoint.model, book)].append(endpoint)
    rows: dict[str, Mapping[str, Any]] = {}
    on_llm: dict[str, Prices] = {}
    problems: list[Problem] = []
    for name, endpoints in by_name.items():
        shared, own, clash = _split(endpoints)
        on_llm |= {e.key: e.prices for e in own if e.prices}
        problems += [_clash_problem(config, e, shared[0]) for e in clash]
        if not _litellm_knows(shared[0], book):
            on_llm |= {e.key: e.prices for e in shared if e.prices and _is_flat(e)}
            rows |= _rows(name, shared[0], book, taken=by_name.keys() - {name})
    return Billing(rows, on_llm, tuple(problems))


def _split(
    endpoints: Sequence[Endpoint],
) -> tuple[list[Endpoint], list[Endpoint], list[Endpoint]]:
    """Those that one registered row serves, those on two fields, those that clash."""
    ruling = next((e for e in endpoints if not _is_flat(e)), endpoints[0])
    shared = [e for e in endpoints if e.prices == ruling.prices]
    others = [e for e in endpoints if e.prices != ruling.prices]
    own = [e for e in others if _is_flat(e)]
    return shared, own, [e for e in others if not _is_flat(e)]


def _is_flat(endpoint: Endpoint) -> bool:
    """Whether a price for input and one for output say all that is charged.

    Only where usage has OpenAI's form. Anthropic's counts cached tokens apart, and
    litellm adds them to a prompt that already includes them if it has two prices.
    """
    prices = endpoint.prices
    return (
        prices is not None
        and endpoint.model.partition("/")[0] in _OPENAI_USAGE
        and "claude" not in endpoint.model.lower()
        and prices.cache_read == prices.cache_write == prices.input
        and prices.cache_write_1h in (None, prices.input)
        and prices.long_context is None
    )


def _litellm_knows(endpoint: Endpoint, book: PriceBook) -> bool:
    listed = book.row(endpoint.model) is not None
    return listed and endpoint.prices == book.prices(endpoint.model)


def _clash_problem(
    config: RouterConfig, endpoint: Endpoint, other: Endpoint
) -> Problem:
    return config.problem(
        endpoint.key,
        f"has other prices than {config.path_of(other.key)} for the same model "
        f"{endpoint.model}, and litellm cannot count both exactly",
        "Give both the same prices, or call the model by two names",
        "input_cost_per_token",
    )


def _litellm_name(model: str, book: PriceBook) -> str:
    """The name under which litellm looks for the prices of ``model``."""
    info = book.info(model) if book.row(model) is not None else None
    if info is not None:
        return info.name
    if model.startswith("openhands/"):
        return "litellm_proxy/" + model.removeprefix("openhands/")
    return model


def _rows(
    name: str, endpoint: Endpoint, book: PriceBook, taken: set[str]
) -> dict[str, Mapping[str, Any]]:
    """A row for ``name`` and for its dated releases, which answers may come from."""
    assert endpoint.prices is not None
    dated = [n for n in book.dated_names(endpoint.model) if n not in taken]
    return {
        each: _row(endpoint.prices, endpoint, book.row(each), each)
        for each in (name, *dated)
    }


def _row(
    prices: Prices, endpoint: Endpoint, listed: Mapping[str, Any] | None, name: str
) -> Mapping[str, Any]:
    row: dict[str, Any] = {k: getattr(prices, v) for k, v in _FIELDS.items()}
    if prices.cache_write_1h is not None:
        row["cache_creation_input_token_cost_above_1hr"] = prices.cache_write_1h
    if prices.long_context is not None:
        suffix = f"_above_{prices.long_context.above // 1000}k_tokens"
        row |= {k + suffix: getattr(prices.long_context, v) for k, v in _FIELDS.items()}
    if endpoint.max_input_tokens is not None:
        row["max_input_tokens"] = endpoint.max_input_tokens
    if listed is None:
        row["mode"] = "chat"
        provider, slash, _ = name.partition("/")
        return row | ({"litellm_provider": provider} if slash else {})
    return row | _overridden(listed, prices, row)


def _overridden(
    listed: Mapping[str, Any], prices: Prices, row: Mapping[str, Any]
) -> dict[str, Any]:
    """New values for the prices of the listed row that ``row`` does not name.

    litellm merges a registered row into the listed one, so a price left out there
    would stay in force.
    """
    changed: dict[str, Any] = {}
    for name in listed.keys() - row.keys():
        if name == "output_cost_per_reasoning_token":
            changed[name] = prices.output
        elif name == "cache_creation_input_token_cost_above_1hr":
            changed[name] = prices.cache_write
        elif name == "tiered_pricing":
            changed[name] = []
        elif name == "off_peak_pricing":
            changed[name] = {"windows": []}
        elif (match := _LONG.fullmatch(name)) and match[1] in _FIELDS:
            at: Prices | LongContextPrices = prices
            long = prices.long_context
            if long and int(match[2]) * 1000 >= long.above:
                at = long
            changed[name] = getattr(at, _FIELDS[match[1]])
    return changed
