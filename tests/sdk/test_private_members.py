"""Private members of the SDK and of litellm that are used, for want of a public way.

When a test here fails, the message says what the member is for and what to do.
docs/sdk.md has the list.
"""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from litellm.litellm_core_utils.streaming_handler import CustomStreamWrapper
from openhands.sdk.llm import LLM
from openhands.sdk.llm.utils.telemetry import Telemetry

from openhands_tiered_router.sdk.answers import SaneTelemetry


PRIVATE_ATTRIBUTES: list[tuple[type[Any], str, str]] = [
    (
        LLM,
        "_api_key_refresh_hook",
        "sdk/hooks.py carries it over at a reload; keep the hook on the router instead",
    ),
    (
        LLM,
        "_telemetry",
        "sdk/answers.py puts a telemetry there that refuses impossible usage; find the "
        "new place, or the SDK fails calls with such usage",
    ),
    (
        Telemetry,
        "_stats_update_callback",
        "sdk/hooks.py carries it over at a reload; else an agent-server shows no costs",
    ),
    (
        Telemetry,
        "_log_completions_callback",
        "sdk/hooks.py carries it over at a reload; else clients get no completion logs",
    ),
]
METHODS: list[tuple[type[Any], str, str]] = [
    (
        LLM,
        "_get_api_key_value",
        "sdk/endpoints.py tells accounts apart by it; read `api_key` instead",
    ),
    (
        LLM,
        "_model_features",
        "calls/history/target.py asks what a model takes back of a history; without it "
        "take the strictest answers",
    ),
    (
        Telemetry,
        "_compute_cost",
        "sdk/usage.py repeats the SDK's own computation for one call; books and "
        "budgets differ if another one is used",
    ),
]


@pytest.mark.parametrize(("holder", "name", "remedy"), PRIVATE_ATTRIBUTES)
def test_an_attribute_is_there(holder: type[Any], name: str, remedy: str) -> None:
    assert name in holder.__private_attributes__, f"{holder.__name__}.{name}: {remedy}"


@pytest.mark.parametrize(("holder", "name", "remedy"), METHODS)
def test_a_method_is_there(holder: type[Any], name: str, remedy: str) -> None:
    found = getattr(holder, name, None)
    assert inspect.isfunction(found), f"{holder.__name__}.{name}: {remedy}"


def test_the_provider_of_a_model_is_known() -> None:
    llm = LLM(model="openai/gpt-4o", api_key="sk-x")
    assert llm._provider_info is not None, (
        "LLM._provider_info: sdk/usage.py passes it to the computation of costs"
    )


def test_a_streams_finish_reason_is_made_up_in_one_place() -> None:
    assert issubclass(SaneTelemetry, Telemetry)  # its module has wrapped the method
    source = inspect.getsource(CustomStreamWrapper.__init__)
    remedy = (
        "litellm's CustomStreamWrapper: sdk/answers.py marks the chunk whose finish "
        "reason litellm made up; find where it does so now, or streams that are cut "
        "off count as answers (tests/sdk/contract/test_streams.py)"
    )
    assert "self.received_finish_reason" in source, remedy
    assert CustomStreamWrapper.finish_reason_handler.__name__ == "handler", remedy
