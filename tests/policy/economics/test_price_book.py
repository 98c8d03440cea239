from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from openhands_tiered_router.policy.economics.price_book import (
    PriceBook,
    default_price_book,
)
from openhands_tiered_router.tiers import Prices


def book_of(
    path: Path, rules: list[dict[str, Any]] | None = None, **rows: Any
) -> PriceBook:
    """A price book whose table holds ``rows``, each of OpenAI unless it says else."""
    table = {
        name.replace("__", "/"): {"litellm_provider": "openai", "mode": "chat", **row}
        for name, row in rows.items()
    }
    file = path / "table.json"
    file.write_text(
        json.dumps({**table, "fallback_generalizations": {"rules": rules or []}})
    )
    return PriceBook(file)


FLAT = {"input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6}


def test_a_row_without_cache_prices_gives_no_discount(tmp_path: Path) -> None:
    book = book_of(tmp_path, m=FLAT)
    assert book.prices("openai/m") == Prices(
        input=1e-6, output=2e-6, cache_read=1e-6, cache_write=1e-6
    )


def test_a_row_is_read_whole(tmp_path: Path) -> None:
    row = FLAT | {
        "cache_read_input_token_cost": 1e-7,
        "cache_creation_input_token_cost": 1.25e-6,
        "cache_creation_input_token_cost_above_1hr": 2e-6,
        "input_cost_per_token_above_200k_tokens": 2e-6,
        "output_cost_per_token_above_200k_tokens": 3e-6,
        "input_cost_per_token_above_200k_tokens_priority": 9.0,
        "max_input_tokens": 1000,
        "supports_vision": True,
        "supports_function_calling": False,
    }
    info = book_of(tmp_path, m=row).info("m")
    assert info is not None
    assert info.prices is not None
    assert info.prices.cache_write_1h == 2e-6
    long = info.prices.long_context
    assert long is not None
    assert (long.above, long.input, long.output) == (200_000, 2e-6, 3e-6)
    assert (long.cache_read, long.cache_write) == (1e-7, 1.25e-6)
    assert (info.max_input_tokens, info.vision, info.tools) == (1000, True, False)
    assert info.mode == "chat"


@pytest.mark.parametrize(
    "row",
    [{}, {"input_cost_per_token": 1e-6}, {**FLAT, "output_cost_per_token": None}],
)
def test_a_price_that_is_not_stated_is_not_zero(
    tmp_path: Path, row: dict[str, Any]
) -> None:
    book = book_of(tmp_path, m=row)
    assert book.info("m") is not None
    assert book.prices("m") is None


def test_an_unknown_model_is_unknown(tmp_path: Path) -> None:
    book = book_of(tmp_path, m=FLAT)
    model = "openai/other"
    assert book.info(model) is None
    assert book.row(model) is None
    assert (book.prices(model), book.mode(model)) == (None, None)


@pytest.mark.parametrize(
    "model", ["ollama/any:7b", "ollama_chat/any", "lm_studio/any", "llamafile/any"]
)
def test_a_local_model_costs_nothing(tmp_path: Path, model: str) -> None:
    assert book_of(tmp_path).prices(model) == Prices(
        input=0, output=0, cache_read=0, cache_write=0
    )


def test_rules_tell_abilities_but_no_price(tmp_path: Path) -> None:
    rules = [
        {"pattern": "^new-", "model_info": {"litellm_provider": "openai"}},
        {"pattern": "NEW", "model_info": {"max_input_tokens": 10}},
        {"pattern": "new-big", "model_info": {"supports_vision": True}},
    ]
    info = book_of(tmp_path, rules, **{"new-old": FLAT}).info("openai/new-big")
    assert info is not None
    assert (info.max_input_tokens, info.vision, info.prices) == (10, True, None)


def test_dated_releases_of_a_model(tmp_path: Path) -> None:
    book = book_of(
        tmp_path,
        **dict.fromkeys(("m", "m-2024-08-06", "m-20250101", "m-mini", "m-2"), FLAT),
    )
    assert book.dated_names("openai/m") == ["m-2024-08-06", "m-20250101"]
    assert book.dated_names("openai/unknown") == []


@pytest.mark.parametrize("content", ["", "{", "[]", None])
def test_a_table_that_cannot_be_read_knows_nothing(
    tmp_path: Path, content: str | None
) -> None:
    path = tmp_path / "table.json"
    if content is not None:
        path.write_text(content)
    assert PriceBook(path).prices("openai/gpt-4o") is None


NAMES = [
    "gpt-4o",
    "GPT-4o",
    "openai/gpt-4o",
    "openai/o3-mini",
    "claude-opus-4-5",
    "anthropic/claude-sonnet-4-5",
    "anthropic/claude-brand-new-9",
    "azure/gpt-4o",
    "azure/eu/gpt-4o-2024-08-06",
    "azure_ai/gpt-4o",
    "bedrock/anthropic.claude-opus-4-20250514-v1:0",
    "bedrock/us.anthropic.claude-opus-4-5-20251101-v1:0",
    "bedrock/converse/us.anthropic.claude-sonnet-4-5-20250929-v1:0",
    "vertex_ai/gemini-2.5-pro",
    "vertex_ai/claude-sonnet-4-5@20250929",
    "vertex_ai/meta/llama-3.1-405b-instruct-maas",
    "gemini/gemini-2.5-pro",
    "ft:gpt-4o-2024-08-06:org::id",
    "deepseek/deepseek-chat",
    "openrouter/anthropic/claude-sonnet-4.5",
    "openrouter/openai/gpt-5.2",
    "openai/claude-opus-4-5",
    "groq/unheard-of",
    "example/opus",
]
COMPARE = """
import json, sys
from openhands_tiered_router.policy.economics.price_book import PriceBook
import litellm

litellm.suppress_debug_info = True
book = PriceBook()
strict = json.loads(sys.argv[1])
names = dict.fromkeys(strict)
for name, row in litellm.model_cost.items():
    provider = row.get("litellm_provider", "").partition("-")[0]
    provider = provider.replace("bedrock_converse", "bedrock")
    if row.get("mode") in ("chat", "responses") and provider != "lemonade":
        prefixed = name if name.startswith(provider) else f"{provider}/{name}"
        names |= {name: None, prefixed: None}
known, differences = 0, []
for name in names:
    try:
        theirs = litellm.get_model_info(name)
    except Exception:
        if name in strict and book.prices(name) is not None:
            differences.append((name, str(book.info(name)), None))
        continue
    row = litellm.model_cost.get(theirs["key"], {})
    price = row.get("input_cost_per_token"), row.get("output_cost_per_token")
    ours = book.prices(name)
    mine = ours and (ours.input, ours.output)
    window = theirs.get("max_input_tokens") or None
    if "ollama" in name:
        price = (0.0, 0.0)
    info = book.info(name)
    ours = info and info.max_input_tokens
    if mine != (None if None in price else price) or ours != window:
        differences.append((name, mine, price, ours, window))
    known += mine is not None
print(json.dumps({"known": known, "differences": differences}))
"""


@pytest.mark.slow
def test_names_resolve_as_they_do_in_litellm() -> None:
    """Every chat model of the table that litellm finds, bare and with its provider."""
    done = subprocess.run(
        [sys.executable, "-c", COMPARE, json.dumps(NAMES)],
        capture_output=True,
        text=True,
        env=os.environ | {"LITELLM_LOCAL_MODEL_COST_MAP": "True"},
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["known"] > 1000
    assert result["differences"] == []


def test_the_installed_table_is_found() -> None:
    info = default_price_book().info("openai/gpt-4o")
    assert info is not None
    assert info.vision is True
    assert info.prices is not None
    assert 0 < info.prices.cache_read < info.prices.input < info.prices.output
