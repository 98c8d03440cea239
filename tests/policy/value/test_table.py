"""The table of published results, and the search by a model's name."""

from __future__ import annotations

import statistics

import pytest
from hypothesis import given, strategies as st

from openhands_tiered_router.policy.value.table import (
    Table,
    Work,
    default_table,
    plain_name,
    table_of,
)


SMALL = {
    "source": "a test",
    "works": {
        "bugs": {"sigma": 4.0, "cost_growth": 0.3},
        "tests": {"sigma": 2.0, "cost_growth": 0.1},
        "apps": {"sigma": None, "cost_growth": None},
    },
    "models": {
        "strong-1": {"bugs": [300, 240, 1.0], "apps": [8, 8, None]},
        "weak-1": {"bugs": [300, 120, 0.1], "apps": [8, 0, 0.2]},
    },
}


def small() -> Table:
    return table_of(SMALL)


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("anthropic/claude-opus-4-5", "claude-opus-4-5"),
        ("claude-opus-4-5-20251101", "claude-opus-4-5"),
        ("bedrock/us.anthropic.claude-opus-4-5-20251101-v1:0", "claude-opus-4-5"),
        (
            "bedrock/converse/eu.anthropic.claude-opus-4-5-20251101-v1:0",
            "claude-opus-4-5",
        ),
        ("vertex_ai/claude-opus-4-5@20251101", "claude-opus-4-5"),
        ("openrouter/anthropic/claude-opus-4.5", "claude-opus-4-5"),
        ("openrouter/anthropic/claude-4.5-opus", "claude-opus-4-5"),
        ("databricks/databricks-claude-opus-4-5", "claude-opus-4-5"),
        ("claude-opus-4-6[1m]", "claude-opus-4-6"),
        ("litellm_proxy/claude-opus-4-8", "claude-opus-4-8"),
        ("azure_ai/claude-fable-5", "claude-fable-5"),
        ("openai/gpt-5.2-2025-12-11", "GPT-5.2"),
        ("azure/eu/gpt-5.2-codex", "GPT-5.2-Codex"),
        ("gemini/gemini-3-flash-preview", "Gemini-3-Flash"),
        ("vertex_ai/gemini-3.1-pro-preview-customtools", "Gemini-3.1-Pro"),
        ("fireworks_ai/accounts/fireworks/models/kimi-k2p5", "Kimi-K2.5"),
        ("bedrock/ap-south-1/moonshotai.kimi-k2-thinking", "Kimi-K2-Thinking"),
        ("openrouter/minimax/minimax-m2.5:free", "MiniMax-M2.5"),
        ("vertex_ai/zai-org/glm-4.7-maas", "GLM-4.7"),
        ("azure_ai/FW-GLM-5.1", "GLM-5.1"),
        ("together_ai/Qwen/Qwen3-Coder-480B-A35B-Instruct-FP8", "Qwen3-Coder-480B"),
        ("deepinfra/nvidia/NVIDIA-Nemotron-3-Super-120B-A12B", "Nemotron-3-Super"),
        ("deepinfra/deepseek-ai/DeepSeek-V4-Pro", "DeepSeek-V4-Pro"),
    ],
)
def test_a_model_is_found_by_the_names_that_providers_give_it(
    model: str, name: str
) -> None:
    assert default_table().find(model) == name


@pytest.mark.parametrize(
    "model",
    [
        "openai/gpt-5.4-mini",
        "openai/gpt-5.4-pro",
        "azure/gpt-5.2-chat",
        "anthropic/claude-opus-4-1-20250805",
        "anthropic/claude-sonnet-4-20250514",
        "anthropic/claude-fable-5-1",
        "gemini/gemini-3.5-flash-lite",
        "gemini/gemini-3-pro-image-preview",
        "zai/glm-5-code",
        "zai/glm-4.7-flash",
        "moonshot/kimi-k2-0905",
        "minimax/MiniMax-M2.1-lightning",
        "ollama_chat/qwen3-coder:30b",
        "deepseek/deepseek-reasoner",
        "azure/my-deployment",
        "",
    ],
)
def test_another_model_of_the_family_is_not_taken_for_it(model: str) -> None:
    assert default_table().find(model) is None


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("anthropic/claude-opus-5-5", "claude-opus-4-8"),
        ("openrouter/anthropic/claude-sonnet-5.5", "claude-sonnet-4-6"),
        ("openai/gpt-5.6", "GPT-5.5"),
        ("deepseek/deepseek-v5-pro", "DeepSeek-V4-Pro"),
        ("kimi-k3", "Kimi-K2.6"),
        ("anthropic/claude-haiku-5-5", None),
        ("claude-opus-4-1", None),
        ("openai/gpt-6-luna", None),
        ("llama-3-70b", None),
    ],
)
def test_the_version_before_is_of_the_same_family(model: str, name: str | None) -> None:
    assert default_table().before(model) == name


@given(st.text(max_size=60))
def test_any_name_has_a_plain_form_that_stays_as_it_is(model: str) -> None:
    assert plain_name(plain_name(model)) == plain_name(model)


def test_each_model_of_the_table_is_found_by_its_own_name() -> None:
    table = default_table()
    assert len(table.results) > 30
    assert all(table.find(name) == name for name in table.results)


def test_many_tasks_speak_for_themselves_and_few_do_not() -> None:
    table = small()
    assert table.success("strong-1", Work.BUGS) == pytest.approx(0.8, abs=0.002)
    assert table.success("strong-1", Work.APPS) == pytest.approx((8 + 1) / 10)
    assert table.success("weak-1", Work.APPS) == pytest.approx((0 + 1) / 10)
    assert table.success("weak-1", Work.RESEARCH) is None
    assert table.usd("strong-1", Work.APPS) is None


def test_work_of_too_few_tasks_is_taken_to_spread_like_the_others() -> None:
    table = small()
    assert table.spread(Work.BUGS).sigma == 4.0
    assert table.spread(Work.APPS).sigma == statistics.median((4.0, 2.0))
