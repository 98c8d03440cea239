"""Retries: who is told of them, how many there are, and those of empty answers."""

from __future__ import annotations

import pytest
from openhands.sdk.llm.exceptions import LLMNoResponseError, LLMServiceUnavailableError

from openhands_tiered_router.loopback import faults

from .conftest import HELLO


QUICK = {"retry_min_wait": 0, "retry_max_wait": 0, "num_retries": 3}


async def test_a_listener_is_told_of_every_retry(world, llm) -> None:
    told: list[tuple[int, int, BaseException | None]] = []
    for call in ("sync", "async"):
        told.clear()
        world.provider.faults.next(faults.server_error(500), times=2)
        model = llm(**QUICK)
        model.retry_listener = lambda *facts: told.append(facts)
        if call == "sync":
            model.generate(HELLO)
        else:
            await model.agenerate(HELLO)
        assert [attempt for attempt, _, _ in told] == [1, 2]
        assert all(attempt < most for attempt, most, _ in told)
        assert all(isinstance(error, Exception) for _, _, error in told)


def test_a_listener_is_told_of_every_change_of_endpoint(world) -> None:
    told: list[int] = []
    world.provider.faults.always(faults.server_error(500), model="gpt-4o-mini")
    world.provider.faults.always(faults.server_error(500), model="gpt-4o")
    router = world.router(retry_listener=lambda attempt, *_: told.append(attempt))
    router.generate(HELLO, tier="simple")
    models = [request.model for request in world.provider.requests]
    assert models == ["gpt-4o-mini", "gpt-4o", "claude-sonnet-4-5"]
    assert told == [1, 2]


def test_a_tiers_own_retries_count(world, llm) -> None:
    world.provider.faults.next(faults.server_error(500), times=2)
    llm(**QUICK).generate(HELLO)
    assert [r.model for r in world.provider.requests] == ["gpt-4o"] * 3


def test_the_sdks_default_of_retries_is_left_to_the_endpoints(world) -> None:
    world.provider.faults.always(faults.server_error(500), model="gpt-4o-mini")
    router = world.router()
    router.generate(HELLO, tier="simple")
    models = [request.model for request in world.provider.requests]
    assert models == ["gpt-4o-mini", "gpt-4o"]


def test_an_empty_answer_is_asked_for_again_with_temperature(world, llm) -> None:
    """On the wire. The SDK takes the model for a reasoning one, to which it first sends
    no temperature at all, unless it is told otherwise."""
    told = {"capability_overrides": {"supports_sampling_params": True}}
    world.provider.faults.next(faults.EmptyAnswer())
    waits = {"retry_min_wait": 0, "retry_max_wait": 0}
    llm(temperature=0.0, **told, **waits).generate(HELLO)
    requests = world.provider.requests
    assert [request.body["temperature"] for request in requests] == [0.0, 1.0]
    assert {request.model for request in requests} == {"gpt-4o"}


def test_empty_answers_everywhere_are_told_as_such(world, llm) -> None:
    world.provider.faults.always(faults.EmptyAnswer())
    with pytest.raises(LLMNoResponseError):
        llm(**{**QUICK, "num_retries": 2}).generate(HELLO)


def test_an_error_keeps_the_type_of_the_wanted_endpoints(world, llm) -> None:
    world.provider.faults.always(faults.server_error(503))
    with pytest.raises(LLMServiceUnavailableError):
        llm(**{**QUICK, "num_retries": 1}).generate(HELLO)
