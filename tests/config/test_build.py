from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import litellm
import pytest
from litellm import ModelResponse, Usage
from litellm.types.utils import (
    CompletionTokensDetailsWrapper,
    PromptTokensDetailsWrapper,
)
from litellm.utils import _invalidate_model_cost_lowercase_map
from openhands.sdk.llm import LLM, LLMProfileStore
from pydantic import SecretStr

from openhands_tiered_router.config import (
    ConfigError,
    RouterConfig,
    build_llms,
    parse_config,
    tier_set,
)


ENVIRON = {"OPENAI_API_KEY": "sk-o", "ANTHROPIC_API_KEY": "sk-a"}
UNCACHED, READ, WRITTEN, OUTPUT = 1_000, 6_000, 3_000, 500


@pytest.fixture(autouse=True)
def own_cost_table() -> Iterator[None]:
    """Registered prices end with the test, in litellm's caches of its table as well."""
    before = litellm.model_cost
    litellm.model_cost = {name: dict(row) for name, row in before.items()}
    yield
    litellm.model_cost = before
    _invalidate_model_cost_lowercase_map()


def configure(**tiers: Any) -> RouterConfig:
    return parse_config({"tiers": tiers}, "file.toml")


def priced(
    model: str, cache: tuple[float, float] | None, **more: Any
) -> dict[str, Any]:
    table = {
        "model": model,
        "input_cost_per_token": 2e-6,
        "output_cost_per_token": 9e-6,
        **more,
    }
    if cache is not None:
        table["cache_read_input_token_cost"] = cache[0]
        table["cache_creation_input_token_cost"] = cache[1]
    return table


def openai_usage(read: int = READ, written: int = 0) -> Usage:
    """Usage as litellm makes it of OpenAI's answers."""
    return Usage(
        prompt_tokens=UNCACHED + read + written,
        completion_tokens=OUTPUT,
        prompt_tokens_details=PromptTokensDetailsWrapper(cached_tokens=read),
        completion_tokens_details=CompletionTokensDetailsWrapper(reasoning_tokens=200),
    )


def anthropic_usage() -> Usage:
    """Usage as litellm makes it of Anthropic's answers."""
    raw = {
        "input_tokens": UNCACHED,
        "cache_read_input_tokens": READ,
        "cache_creation_input_tokens": WRITTEN,
        "output_tokens": OUTPUT,
    }
    return litellm.AnthropicConfig().calculate_usage(raw, reasoning_content=None)


def charged(llm: LLM, answered_by: str, usage: Usage) -> float:
    """What the SDK counts for an answer with that usage."""
    llm.reset_metrics()
    response = ModelResponse(model=answered_by, usage=usage)
    llm.telemetry.on_request(None)
    llm.telemetry.on_response(response)
    return llm.metrics.accumulated_cost


def test_an_llm_for_each_endpoint_with_the_routers_own_defaults() -> None:
    config = configure(
        simple=["ollama/a", "openai/gpt-5-nano"],
        complex=[{"model": "anthropic/claude-opus-4-5", "temperature": 0.25}],
    )
    llms = build_llms(config, ENVIRON)
    assert list(llms) == ["simple", "simple/2", "complex"]
    assert [llm.usage_id for llm in llms.values()] == list(llms)
    assert {llm.num_retries for llm in llms.values()} == {5}
    assert {llm.timeout for llm in llms.values()} == {config.dispatch.attempt_timeout}
    key = llms["complex"].api_key
    assert isinstance(key, SecretStr)
    assert key.get_secret_value() == "sk-a"
    assert llms["simple"].api_key is None
    assert llms["complex"].temperature == 0.25


def test_fields_of_the_file_come_before_the_defaults() -> None:
    table = {
        "model": "openai/x",
        "num_retries": 3,
        "timeout": 7,
        "base_url": "http://localhost:9/v1",
        "max_input_tokens": 50_000,
        "vision": True,
    }
    llm = build_llms(configure(simple=[table]), {})["simple"]
    assert (llm.num_retries, llm.timeout) == (3, 7)
    assert llm.base_url == "http://localhost:9/v1"
    assert llm.effective_max_input_tokens == 50_000
    assert llm.vision_is_active()


def test_a_null_of_the_file_is_passed_on() -> None:
    table = {"model": "ollama/x", "timeout": None}
    assert build_llms(configure(simple=[table]), {})["simple"].timeout is None


def test_vision_can_be_switched_off() -> None:
    table = {"model": "openai/gpt-4o", "vision": False}
    llm = build_llms(configure(simple=[table]), ENVIRON)["simple"]
    assert not llm.vision_is_active()


def test_every_missing_key_is_named() -> None:
    config = configure(
        simple=["openai/gpt-5-nano", {"model": "ollama/x", "api_key_env": "MINE"}],
        complex=["anthropic/claude-opus-4-5"],
    )
    with pytest.raises(ConfigError) as caught:
        build_llms(config, {})
    found = {p.path: p.message for p in caught.value.problems}
    assert [message.split()[4].strip(",") for message in found.values()] == [
        "OPENAI_API_KEY",
        "MINE",
        "ANTHROPIC_API_KEY",
    ]
    assert "tiers.simple.endpoints[1].api_key_env" in found


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("temperature", "hot", "must be a number, is 'hot'"),
        ("api_mode", "telepathy", "is not a known api_mode"),
        ("max_input_tokens", 1_000, "refused by the SDK"),
    ],
)
def test_what_the_sdk_refuses_is_told_with_its_place(
    field: str, value: object, message: str
) -> None:
    config = configure(simple=["ollama/a", {"model": "ollama/b", field: value}])
    with pytest.raises(ConfigError) as caught:
        build_llms(config, {})
    (problem,) = caught.value.problems
    assert problem.path.startswith("tiers.simple.endpoints[1]")
    assert message in problem.message


OPENAI = UNCACHED * 2e-6 + OUTPUT * 9e-6
EXACT = [
    ("openai/homemade", "homemade", (1e-7, 2e-6), OPENAI + READ * 1e-7),
    ("openai/homemade", "some-other-name", (1e-7, 2e-6), OPENAI + READ * 1e-7),
    ("openai/homemade", "homemade", None, OPENAI + READ * 2e-6),
    ("openai/gpt-4o", "gpt-4o-2024-08-06", (1e-7, 2e-6), OPENAI + READ * 1e-7),
    ("openai/gpt-4o", "gpt-4o", None, OPENAI + READ * 2e-6),
    ("openai/gpt-5.6", "gpt-5.6", (1e-7, 2e-6), OPENAI + READ * 1e-7),
    ("openrouter/some/model", "some/model", (1e-7, 2e-6), OPENAI + READ * 1e-7),
    ("lm_studio/mine", "mine", (0.0, 2e-6), OPENAI),
    ("azure/my-deployment", "gpt-4o-2024-08-06", None, OPENAI + READ * 2e-6),
    ("openai/an-alias", "gpt-4o", None, OPENAI + READ * 2e-6),
    # Rows of litellm's table with prices of further kinds, which must not stay.
    ("deepseek/deepseek-v4-flash", "x", (1e-7, 2e-6), OPENAI + READ * 1e-7),
    ("gemini/gemini-2.5-flash", "x", (1e-7, 2e-6), OPENAI + READ * 1e-7),
    ("dashscope/qwen3-max", "qwen3-max", (1e-7, 2e-6), OPENAI + READ * 1e-7),
]


@pytest.mark.parametrize(("model", "answered_by", "cache", "expected"), EXACT)
def test_prices_of_the_file_are_charged_to_the_token(
    model: str,
    answered_by: str,
    cache: tuple[float, float] | None,
    expected: float,
) -> None:
    table = priced(model, cache, api_key="sk-any")
    llm = build_llms(configure(simple=[table]), {})["simple"]
    assert charged(llm, answered_by, openai_usage()) == pytest.approx(expected)


@pytest.mark.parametrize(
    "model",
    [
        "anthropic/claude-opus-4-5",
        "anthropic/claude-brand-new",
        "openai/claude-at-a-gateway",
    ],
)
@pytest.mark.parametrize("cache", [(1e-7, 2.5e-6), None])
def test_cached_and_written_tokens_of_anthropic_are_charged_exactly(
    model: str, cache: tuple[float, float] | None
) -> None:
    llm = build_llms(configure(simple=[priced(model, cache)]), ENVIRON)["simple"]
    read, write = cache or (2e-6, 2e-6)
    expected = UNCACHED * 2e-6 + READ * read + WRITTEN * write + OUTPUT * 9e-6
    answered_by = model.partition("/")[2]
    assert charged(llm, answered_by, anthropic_usage()) == pytest.approx(expected)


def test_prices_of_the_table_are_charged_as_the_price_book_says() -> None:
    # Models to which no other test gives prices: those hold for the whole process.
    config = configure(
        simple=["anthropic/claude-opus-4-6"], medium=["openai/gpt-4.1-nano"]
    )
    llms = build_llms(config, ENVIRON)
    opus, gpt = (endpoint.prices for endpoint in tier_set(config).endpoints)
    assert opus is not None
    assert gpt is not None
    assert charged(llms["simple"], "claude-opus-4-6", anthropic_usage()) == (
        pytest.approx(
            UNCACHED * opus.input
            + READ * opus.cache_read
            + WRITTEN * opus.cache_write
            + OUTPUT * opus.output
        )
    )
    assert charged(llms["medium"], "gpt-4.1-nano-2025-04-14", openai_usage()) == (
        pytest.approx(
            UNCACHED * gpt.input + READ * gpt.cache_read + OUTPUT * gpt.output
        )
    )


def test_an_hour_of_cache_costs_twice_the_input_where_a_write_costs_1_25() -> None:
    table = priced("anthropic/claude-opus-4-5", (1e-7, 2.5e-6))
    llm = build_llms(configure(simple=[table]), ENVIRON)["simple"]
    raw = {
        "input_tokens": UNCACHED,
        "cache_creation_input_tokens": WRITTEN,
        "cache_creation": {"ephemeral_1h_input_tokens": WRITTEN},
        "output_tokens": OUTPUT,
    }
    usage = litellm.AnthropicConfig().calculate_usage(raw, reasoning_content=None)
    assert charged(llm, "claude-opus-4-5", usage) == pytest.approx(
        UNCACHED * 2e-6 + WRITTEN * 4e-6 + OUTPUT * 9e-6
    )


@pytest.mark.parametrize("tokens", [199_000, 201_000])
def test_long_prompts_are_charged_at_their_own_price(tokens: int) -> None:
    table = priced(
        "openai/gpt-5.6",
        (1e-7, 2e-6),
        input_cost_per_token_above_200k_tokens=4e-6,
        output_cost_per_token_above_200k_tokens=1.8e-5,
    )
    llm = build_llms(configure(simple=[table]), ENVIRON)["simple"]
    factor = 2 if tokens > 200_000 else 1
    usage = Usage(prompt_tokens=tokens, completion_tokens=OUTPUT)
    assert charged(llm, "gpt-5.6", usage) == pytest.approx(
        factor * (tokens * 2e-6 + OUTPUT * 9e-6)
    )


def test_flat_prices_replace_the_tables_long_prompt_prices() -> None:
    table = priced("openai/gpt-5.6", (1e-7, 2e-6))
    llm = build_llms(configure(simple=[table]), ENVIRON)
    usage = Usage(prompt_tokens=300_000, completion_tokens=OUTPUT)
    assert charged(llm["simple"], "gpt-5.6", usage) == pytest.approx(
        300_000 * 2e-6 + OUTPUT * 9e-6
    )


def test_one_model_at_two_prices_is_charged_exactly_where_that_is_possible() -> None:
    flat = priced("openai/same", None) | {"input_cost_per_token": 7e-6}
    config = configure(simple=[priced("openai/same", (1e-7, 2e-6)), flat])
    llms = build_llms(config, ENVIRON)
    assert charged(llms["simple"], "same", openai_usage()) == pytest.approx(
        OPENAI + READ * 1e-7
    )
    assert charged(llms["simple/2"], "same", openai_usage()) == pytest.approx(
        (UNCACHED + READ) * 7e-6 + OUTPUT * 9e-6
    )


@pytest.mark.parametrize(
    ("model", "cache"),
    [("openai/same", (2e-7, 2e-6)), ("anthropic/claude-opus-4-5", None)],
)
def test_one_model_at_two_prices_is_refused_where_money_would_be_wrong(
    model: str, cache: tuple[float, float] | None
) -> None:
    config = configure(
        simple=[priced(model, (1e-7, 2e-6))], complex=[priced(model, cache)]
    )
    with pytest.raises(ConfigError) as caught:
        build_llms(config, ENVIRON)
    (problem,) = caught.value.problems
    assert problem.path == "tiers.complex.endpoints[0].input_cost_per_token"
    assert "tiers.simple.endpoints[0]" in problem.message
    assert "same prices" in problem.remedy
    assert "openai/same" not in litellm.model_cost


def test_a_profile_becomes_an_endpoint(tmp_path: Path) -> None:
    environ = {"OH_PERSISTENCE_DIR": str(tmp_path)}
    saved = LLM(
        model="openai/homemade",
        api_key=SecretStr("sk-profile"),
        base_url="http://localhost:9/v1",
        input_cost_per_token=1e-6,
        output_cost_per_token=2e-6,
        temperature=0.5,
    )
    LLMProfileStore(tmp_path / "profiles").save("mine", saved, include_secrets=True)
    config = configure(medium=[{"profile": "mine"}], complex=[{"profile": "mine"}])
    llm = build_llms(config, environ)["medium"]
    assert (llm.usage_id, llm.model, llm.temperature) == (
        "medium",
        "openai/homemade",
        0.5,
    )
    assert llm.num_retries == saved.num_retries
    assert isinstance(llm.api_key, SecretStr)
    assert llm.api_key.get_secret_value() == "sk-profile"
    assert charged(llm, "homemade", openai_usage()) == pytest.approx(
        (UNCACHED + READ) * 1e-6 + OUTPUT * 2e-6
    )


def test_a_profile_that_the_sdk_cannot_load_is_told(tmp_path: Path) -> None:
    profiles = tmp_path / "profiles"
    profiles.mkdir()
    (profiles / "mine.json").write_text(json.dumps({"model": "a/b", "timeout": "x"}))
    with pytest.raises(ConfigError, match="refused by the SDK|must be"):
        build_llms(
            configure(simple=[{"profile": "mine"}]),
            {"OH_PERSISTENCE_DIR": str(tmp_path)},
        )
