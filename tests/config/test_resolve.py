from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import pytest

from openhands_tiered_router.config import ConfigError, parse_config, tier_set
from openhands_tiered_router.policy.economics.price_book import PriceBook
from openhands_tiered_router.tiers import Endpoint, Limits, Prices, Tier


TABLE = {
    "known": {
        "litellm_provider": "openai",
        "mode": "chat",
        "input_cost_per_token": 1e-6,
        "output_cost_per_token": 2e-6,
        "max_input_tokens": 128_000,
        "supports_vision": True,
        "supports_function_calling": True,
    },
    "mute": {
        "litellm_provider": "openai",
        "mode": "chat",
        "supports_function_calling": False,
    },
}


@pytest.fixture
def book(tmp_path: Path) -> PriceBook:
    """A price book of two models."""
    path = tmp_path / "table.json"
    path.write_text(json.dumps(TABLE))
    return PriceBook(path)


def only(
    book: PriceBook, environ: dict[str, str] | None = None, **table: Any
) -> Endpoint:
    config = parse_config({"tiers": {"medium": [table]}}, "x")
    return tier_set(config, book, environ or {}).endpoints[0]


def test_the_table_fills_what_the_file_leaves_out(book: PriceBook) -> None:
    endpoint = only(book, model="openai/known")
    assert endpoint.key == "medium"
    assert endpoint.tier is Tier.MEDIUM
    assert endpoint.prices == Prices(
        input=1e-6, output=2e-6, cache_read=1e-6, cache_write=1e-6
    )
    assert endpoint.max_input_tokens == 128_000
    assert (endpoint.vision, endpoint.tools) == (True, True)


def test_the_file_has_the_last_word(book: PriceBook) -> None:
    endpoint = only(
        book,
        model="openai/known",
        input_cost_per_token=5e-6,
        output_cost_per_token=6e-6,
        cache_read_input_token_cost=0,
        max_input_tokens=1000,
        vision=False,
        tools=False,
        weight=2,
        cache_ttl=60,
    )
    assert endpoint.prices == Prices(
        input=5e-6, output=6e-6, cache_read=0, cache_write=5e-6
    )
    assert endpoint.max_input_tokens == 1000
    assert (endpoint.vision, endpoint.tools) == (False, False)
    assert (endpoint.weight, endpoint.cache_ttl) == (2, 60)


def test_what_nobody_knows_stays_unknown(book: PriceBook) -> None:
    endpoint = only(book, model="openai/unheard-of")
    assert endpoint.prices is None
    assert endpoint.max_input_tokens is None
    assert endpoint.vision is False
    assert endpoint.tools is True


@pytest.mark.parametrize(
    ("fields", "tools", "vision"),
    [
        ({"model": "openai/mute"}, False, False),
        ({"model": "openai/mute", "native_tool_calling": False}, True, False),
        ({"model": "openai/known", "disable_vision": True}, True, False),
        (
            {
                "model": "openai/mute",
                "capability_overrides": {"supports_vision": True},
            },
            False,
            True,
        ),
    ],
)
def test_fields_of_the_llm_count(
    book: PriceBook, fields: dict[str, Any], tools: bool, vision: bool
) -> None:
    endpoint = only(book, **fields)
    assert (endpoint.tools, endpoint.vision) == (tools, vision)


def test_long_prompt_prices(book: PriceBook) -> None:
    endpoint = only(
        book,
        model="a/b",
        input_cost_per_token=1e-6,
        output_cost_per_token=2e-6,
        input_cost_per_token_above_200k_tokens=3e-6,
        output_cost_per_token_above_200k_tokens=4e-6,
        cache_read_input_token_cost_above_200k_tokens=5e-7,
    )
    assert endpoint.prices is not None
    long = endpoint.prices.long_context
    assert long is not None
    assert (long.above, long.input, long.output) == (200_000, 3e-6, 4e-6)
    assert (long.cache_read, long.cache_write) == (5e-7, 3e-6)


def test_one_cache_for_one_model_address_and_account(book: PriceBook) -> None:
    same = only(book, model="a/b", weight=2)
    assert same.cache_id == only(book, model="a/b").cache_id
    others = [
        only(book, model="a/c"),
        only(book, model="a/b", base_url="http://x"),
        only(book, model="a/b", api_key_env="OTHER"),
    ]
    assert len({same.cache_id, *(other.cache_id for other in others)}) == 4


def test_a_profile_says_what_the_model_is(book: PriceBook, tmp_path: Path) -> None:
    profiles = tmp_path / "profiles"
    profiles.mkdir()
    (profiles / "p.json").write_text(
        json.dumps({"model": "openai/known", "api_key": "sk-x", "max_input_tokens": 5})
    )
    environ = {"OH_PERSISTENCE_DIR": str(tmp_path)}
    endpoint = only(book, environ, profile="p", weight=4)
    assert (endpoint.model, endpoint.max_input_tokens) == ("openai/known", 5)
    assert endpoint.weight == 4


def test_every_profile_that_is_missing_is_told(book: PriceBook, tmp_path: Path) -> None:
    config = parse_config(
        {"tiers": {"simple": [{"profile": "p"}], "medium": [{"profile": "q"}]}}, "f"
    )
    with pytest.raises(ConfigError) as caught:
        tier_set(config, book, {"OH_PERSISTENCE_DIR": str(tmp_path)})
    assert [problem.path for problem in caught.value.problems] == [
        "tiers.simple.endpoints[0].profile",
        "tiers.medium.endpoints[0].profile",
    ]


def test_a_limit_never_falls_below_the_one_before(book: PriceBook) -> None:
    config = parse_config(
        {"tiers": {"simple": {"endpoints": ["a/b"], "max_complexity": 0.7}}}, "x"
    )
    limits = tier_set(config, book).max_complexity
    assert [limits[tier] for tier in Tier] == [0.7, 0.7, 0.85, 1.0]


def test_rates_reach_the_endpoint(book: PriceBook) -> None:
    limits = {"rpm": 50, "tpm": 40_000}
    table = {"model": "openai/known", **limits}
    config = parse_config({"tiers": {"simple": {"endpoints": [table]}}}, "x")
    assert tier_set(config, book).endpoints[0].limits == Limits(**limits)


@pytest.mark.parametrize("key", ["rpm", "tpm"])
def test_a_rate_of_nothing_is_an_error_that_names_it(key: str) -> None:
    table = {"model": "openai/known", key: 0}
    with pytest.raises(ConfigError, match=rf"endpoints\[0\]\.{key}"):
        parse_config({"tiers": {"simple": {"endpoints": [table]}}}, "x")


def test_the_users_figures_of_a_model_arrive(book: PriceBook) -> None:
    endpoint = only(book, model="openai/known", success=0.744, task_usd=0.039)
    assert (endpoint.success, endpoint.task_usd) == (0.744, 0.039)
    endpoint = only(book, model="openai/known")
    assert (endpoint.success, endpoint.task_usd) == (None, None)


@pytest.mark.parametrize("table", [{"success": 74.4}, {"task_usd": -1}])
def test_figures_out_of_range_are_refused(
    book: PriceBook, table: dict[str, float]
) -> None:
    with pytest.raises(ConfigError, match=next(iter(table))):
        only(book, model="openai/known", **cast(Any, table))
