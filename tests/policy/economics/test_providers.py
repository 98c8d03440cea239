"""Lifetimes are the provider's; an hour is sold where Anthropic's scheme holds."""

from __future__ import annotations

import pytest

from openhands_tiered_router.policy.economics.providers import (
    TERMS,
    cache_terms,
    with_hour,
)
from openhands_tiered_router.tiers import Prices


@pytest.mark.parametrize(
    ("model", "seconds", "hours"),
    [
        ("anthropic/claude-opus-4-5", 300, True),
        ("claude-sonnet-4-5", 300, True),
        ("bedrock/us.anthropic.claude-sonnet-4-5-v1:0", 300, True),
        ("vertex_ai/claude-opus-4-5", 300, True),
        ("openrouter/anthropic/claude-sonnet-4.5", 300, True),
        ("litellm_proxy/claude-sonnet-4-5", 300, True),
        ("openrouter/google/gemini-3-pro", 300, False),
        ("vertex_ai/gemini-3-pro", 300, False),
        ("openai/gpt-4o", 300, False),
        ("azure/gpt-5", 300, False),
        ("deepseek/deepseek-chat", 3_600, False),
        ("ollama/qwen3-coder", 86_400, False),
        ("example/unheard", 300, False),
    ],
)
def test_terms_by_model(model: str, seconds: float, hours: bool) -> None:
    terms = cache_terms(model, "24h")
    assert (terms.seconds, terms.marks_hours) == (seconds, hours)


@pytest.mark.parametrize(
    ("model", "retention", "seconds"),
    [
        ("openai/gpt-5.2", "24h", 3_600),
        ("openai/gpt-5.2", "in_memory", 300),
        ("openai/gpt-5.2", None, 300),
        ("openai/gpt-5-mini", "24h", 300),
        ("openai/gpt-5.1-codex-mini", "24h", 3_600),
    ],
)
def test_openais_extended_cache_is_what_the_sdk_asks_for(
    model: str, retention: str | None, seconds: float
) -> None:
    assert cache_terms(model, retention).seconds == seconds


def test_every_provider_names_its_source() -> None:
    assert all(terms.source and terms.seconds >= 300 for terms in TERMS.values())
    assert {t.documented for t in TERMS.values()} == {True, False}


@pytest.mark.parametrize(
    ("model", "write", "hour"),
    [
        ("example/opus", 1.25, 2.0),
        ("anthropic/claude-opus-4-5", 1.25, 2.0),
        ("example/opus", 1.0, None),
        ("openai/gpt-5", 1.25, None),
        ("deepseek/deepseek-chat", 1.25, None),
    ],
)
def test_an_hour_is_priced_by_anthropics_scheme_alone(
    model: str, write: float, hour: float | None
) -> None:
    prices = Prices(input=4e-6, output=2e-5, cache_read=4e-7, cache_write=write * 4e-6)
    expected = None if hour is None else pytest.approx(hour * 4e-6)
    assert with_hour(prices, model).cache_write_1h == expected


def test_a_price_that_is_given_stays() -> None:
    prices = Prices(
        input=4e-6, output=2e-5, cache_read=4e-7, cache_write=5e-6, cache_write_1h=7e-6
    )
    assert with_hour(prices, "example/opus") == prices
