from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from openhands_tiered_router.config import parse_config
from openhands_tiered_router.config.checks import Checked, Finding, Level, run_checks
from openhands_tiered_router.policy.economics.price_book import default_price_book


TODAY = date(2026, 11, 1)
ENVIRON = {"OPENAI_API_KEY": "k", "ANTHROPIC_API_KEY": "k"}
GOOD = "anthropic/claude-opus-5-5"


def findings(*endpoints: Any, environ: dict[str, str] = ENVIRON) -> list[Finding]:
    """What is found in a configuration whose complex tier has ``endpoints``."""
    config = parse_config({"tiers": {"complex": list(endpoints)}}, "f.toml")
    checked = Checked.of(config, environ, default_price_book(), TODAY)
    return run_checks(checked)


def only(level: Level, *endpoints: Any, **more: Any) -> Finding:
    (finding,) = [f for f in findings(*endpoints, **more) if f.level is level]
    return finding


def test_a_good_endpoint_has_nothing_but_notes() -> None:
    assert {finding.level for finding in findings(GOOD)} == {Level.NOTE}


def test_missing_tiers_are_told_with_who_serves_them() -> None:
    found = [f for f in findings(GOOD) if "serves" in f.problem.message]
    messages = {f.problem.path: f.problem.message for f in found}
    assert set(messages) == {"tiers.simple", "tiers.medium", "tiers.reasoning"}
    assert all("complex tier serves" in text for text in messages.values())


def test_a_missing_key_is_an_error() -> None:
    finding = only(Level.ERROR, GOOD, environ={})
    assert "ANTHROPIC_API_KEY" in finding.problem.message
    assert finding.problem.path == "tiers.complex.endpoints[0].api_key_env"


@pytest.mark.parametrize(
    ("endpoint", "name", "message"),
    [
        (
            {"model": "openai/x-unknown", "max_input_tokens": 50_000},
            "input_cost_per_token",
            "no known price",
        ),
        (
            {
                "model": GOOD,
                "input_cost_per_token": 1e-6,
                "output_cost_per_token": 1e-6,
            },
            "cache_read_input_token_cost",
            "cached tokens in full",
        ),
        ("ollama_chat/x", "max_input_tokens", "no known context window"),
        ({"model": GOOD, "tools": False}, "tools", "calls no tools"),
        ("openai/o3-mini", "model", "withdrawn by its maker on 2026-10-23"),
        (
            {"model": "openai/gpt-5.6", "base_url": "https://gateway.example/v1"},
            "base_url",
            "sends the key in OPENAI_API_KEY to https://gateway.example/v1",
        ),
        ({"model": GOOD, "api_key": "sk-ant-x"}, "api_key", "holds a secret"),
    ],
)
def test_what_deserves_a_warning(endpoint: Any, name: str, message: str) -> None:
    finding = only(Level.WARNING, endpoint)
    assert finding.problem.path == f"tiers.complex.endpoints[0].{name}"
    assert message in finding.problem.message
    assert finding.problem.remedy
    assert "sk-ant" not in str(finding)


@pytest.mark.parametrize(
    ("endpoint", "environ"),
    [
        ({"model": "openai/gpt-5.6", "base_url": "http://localhost:1/v1"}, ENVIRON),
        ({"model": "openai/gpt-5.6", "base_url": "https://gateway.example"}, {}),
        (
            {
                "model": "openai/gpt-5.6",
                "base_url": "https://gateway.example",
                "api_key_env": "OPENAI_API_KEY",
            },
            ENVIRON,
        ),
    ],
)
def test_a_key_that_goes_nowhere_new_is_no_matter(
    endpoint: Any, environ: dict[str, str]
) -> None:
    found = findings(endpoint, environ=environ)
    assert {finding.level for finding in found} == {Level.NOTE}


def test_a_model_that_does_not_chat_is_an_error() -> None:
    finding = only(Level.ERROR, "openai/text-embedding-3-small")
    assert "embedding" in finding.problem.message


def test_the_same_endpoint_twice() -> None:
    finding = only(Level.WARNING, GOOD, {"model": GOOD, "weight": 2})
    assert finding.problem.path == "tiers.complex.endpoints[1]"
    assert "tiers.complex.endpoints[0]" in finding.problem.message


def test_the_same_model_with_other_settings_is_another_endpoint() -> None:
    found = findings(GOOD, {"model": GOOD, "reasoning_effort": "low"})
    assert {finding.level for finding in found} == {Level.NOTE}


def test_prices_that_cannot_be_counted() -> None:
    dear = {"model": GOOD, "input_cost_per_token": 1e-3, "output_cost_per_token": 1e-3}
    found = findings(GOOD, dear | {"cache_read_input_token_cost": 1e-4})
    (finding,) = [f for f in found if f.level is Level.ERROR]
    assert "same model" in finding.problem.message


def test_nothing_that_sees_is_worth_a_note() -> None:
    blind = {"model": GOOD, "vision": False}
    assert any("sees images" in f.problem.message for f in findings(blind))
    assert not any("sees images" in f.problem.message for f in findings(GOOD))


def test_the_worst_comes_first() -> None:
    found = findings("ollama_chat/x", GOOD, environ={})
    levels = [finding.level for finding in found]
    assert levels == sorted(levels, key=[Level.ERROR, Level.WARNING, Level.NOTE].index)
    assert levels[0] is Level.ERROR


def test_texts_on_record_are_said() -> None:
    tiers, telemetry = {"complex": GOOD}, {"texts": True}
    config = parse_config({"tiers": tiers, "telemetry": telemetry}, "f.toml")
    checked = Checked.of(config, ENVIRON, default_price_book(), TODAY)
    first, *_ = run_checks(checked)
    assert (first.level, first.problem.path) == (Level.WARNING, "telemetry.texts")
    assert "purge --texts" in first.problem.remedy


def notes(**tiers: Any) -> dict[str, str]:
    """What is noted of a configuration with those tiers, by place."""
    config = parse_config({"tiers": tiers}, "f.toml")
    checked = Checked.of(config, ENVIRON, default_price_book(), TODAY)
    found = run_checks(checked)
    return {f.problem.path: f.problem.message for f in found if f.level is Level.NOTE}


def test_models_that_nobody_has_measured_are_told() -> None:
    told = notes(simple="openai/x-1", complex="openai/x-2")
    assert "no model here has a known success rate" in told["tiers"]
    told = notes(simple="openai/x-1", complex="anthropic/claude-opus-4-8")
    assert "no known success rate" in told["tiers.simple.endpoints[0]"]
    assert "tiers above" in told["tiers.simple.endpoints[0]"]
    assert "tiers.complex.endpoints[0]" not in told


def test_a_model_that_a_cheaper_one_below_beats_is_told() -> None:
    told = notes(
        simple=[{"model": "openai/x-1", "success": 0.8, "task_usd": 0.1}],
        complex=[{"model": "openai/x-2", "success": 0.7, "task_usd": 1.0}],
    )
    assert "simple solves 80%" in told["tiers.complex.endpoints[0]"]
    told = notes(
        simple=[{"model": "openai/x-1", "success": 0.6, "task_usd": 0.1}],
        complex=[{"model": "openai/x-2", "success": 0.7, "task_usd": 1.0}],
    )
    assert "tiers.complex.endpoints[0]" not in told
