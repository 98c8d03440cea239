"""Errors of this process stay what they are, and cost nothing on a dearer model."""

from __future__ import annotations

import traceback
from typing import Any

import pytest
from openhands.sdk.llm import LLM
from openhands.sdk.llm.exceptions import (
    LLMAuthenticationError,
    LLMBadRequestError,
    LLMContextWindowExceedError,
    LLMRateLimitError,
)

from openhands_tiered_router.loopback import faults

from .conftest import HELLO


class Own(Exception):
    """The caller's."""


@pytest.mark.parametrize("error", [ValueError, KeyError, RuntimeError, Own])
async def test_a_local_error_keeps_its_type(
    world, llm, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    calls: list[str] = []

    def fail(self: LLM, *_: Any, **__: Any) -> None:
        calls.append(self.usage_id)
        raise error("mine")

    monkeypatch.setattr(LLM, "_prepare_completion_params", fail)
    monkeypatch.setattr(LLM, "_aprepare_completion_params", fail)
    with pytest.raises(error, match="mine"):
        llm().generate(HELLO)
    with pytest.raises(error, match="mine"):
        await llm().agenerate(HELLO)
    assert len(calls) == 2
    assert not world.provider.requests


@pytest.mark.parametrize("error", [ValueError, ConnectionError, Own])
async def test_a_token_callbacks_error_keeps_its_type(world, llm, error) -> None:
    def fail(_: Any) -> None:
        raise error("mine")

    async def afail(_: Any) -> None:
        raise error("mine")

    with pytest.raises(error, match="mine"):
        llm(stream=True, num_retries=1).generate(HELLO, on_token=fail)
    for callback in (fail, afail):
        model = llm(stream=True, num_retries=1)
        with pytest.raises(error, match="mine"):
            await model.agenerate(HELLO, on_token=callback)
    assert len(world.provider.requests) == 3


def test_a_retry_listeners_error_ends_the_call(world, llm) -> None:
    def fail(*_: Any) -> None:
        raise Own("mine")

    world.provider.faults.next(faults.server_error(500))
    model = llm(num_retries=2, retry_min_wait=0, retry_max_wait=0)
    model.retry_listener = fail
    with pytest.raises(Own, match="mine"):
        model.generate(HELLO)
    assert len(world.provider.requests) == 1


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (faults.refused(401), LLMAuthenticationError),
        (faults.bad_request("No."), LLMBadRequestError),
        (faults.ContextTooLong(), LLMContextWindowExceedError),
        (faults.rate_limited(None), LLMRateLimitError),
        (faults.QuotaExhausted(), LLMRateLimitError),
    ],
)
def test_types_that_clients_know(world, llm, fault, error) -> None:
    world.provider.faults.always(fault)
    with pytest.raises(error):
        llm(num_retries=1).generate(HELLO)


def test_what_a_provider_quotes_of_a_key_is_not_told(world) -> None:
    key, password = "plain-looking-key-4711", "hunter2-hunter2"
    world.provider.faults.always(
        faults.bad_request(f"bad key {key}, password {password}, sk-ant-{'a' * 30}")
    )
    address = world.provider.base_url.replace("//", f"//user:{password}@")
    for models in ({"complex": "openai/gpt-4o"}, dict(world.models)):
        router = world.router(
            models,
            llm_fields={
                "api_key": key,
                "base_url": f"{address}/v1",
                "extra_headers": {"X-Token": "secret-of-a-header"},
            },
        )
        with pytest.raises(LLMBadRequestError) as caught:
            router.generate(HELLO, tier=next(iter(models)))
        told = "".join(traceback.format_exception(caught.value)) + repr(router)
        for secret in (key, password, "sk-ant-aaaa", "secret-of-a-header"):
            assert secret not in told
    assert "bad key [redacted]" in str(caught.value)
