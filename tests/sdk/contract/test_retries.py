"""Retries: who is told of them, how many there are, and those of empty answers."""

from __future__ import annotations

import pytest
from openhands.sdk.llm.exceptions import (
    LLMNoResponseError,
    LLMRateLimitError,
    LLMServiceUnavailableError,
)

from openhands_tiered_router import ComplexityRouter
from openhands_tiered_router.loopback import Reply, Request, faults

from .conftest import CHAT, HELLO


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


@pytest.mark.parametrize("attempts", [0, 1, 2])
async def test_a_number_of_retries_bounds_the_call(world, kind, attempts) -> None:
    """With one endpoint and the settings that everyone has: not two minutes."""
    fields = {**QUICK, "num_retries": attempts}
    world.provider.faults.always(faults.rate_limited(30))
    model = world.llm(CHAT, usage_id="agent", **fields)
    if kind == "router":
        model = ComplexityRouter(llms_for_routing={"complex": model})
    copied = model.model_copy(update={"usage_id": "copy"})
    copied.reset_metrics()
    for one in (model, copied):
        before = len(world.provider.requests)
        with pytest.raises(LLMRateLimitError):
            one.generate(HELLO)
        with pytest.raises(LLMRateLimitError):
            await one.agenerate(HELLO)
        assert len(world.provider.requests) - before == 2 * max(attempts, 1)


def test_a_number_set_on_the_router_or_a_copy_bounds_its_calls(world, llm) -> None:
    world.provider.faults.always(faults.server_error(503))
    model = llm(retry_min_wait=0, retry_max_wait=0)
    tiers = len(getattr(model, "llms_for_routing", "1"))
    copied = model.model_copy(update={"num_retries": 2})
    model.num_retries = 1
    for one, attempts in ((model, 1), (copied, 2)):
        before = len(world.provider.requests)
        with pytest.raises(LLMServiceUnavailableError):
            one.generate(HELLO)
        assert len(world.provider.requests) - before <= attempts * tiers


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


def test_an_agent_has_a_model_that_says_nothing_go_on(world, llm) -> None:
    """No choice at all is an error, in the SDK as here; an empty one is an answer."""

    def script(request: Request) -> Reply:
        asked = request.messages[-1]
        silent = asked.role == "user" and asked.text.startswith("Look")
        return Reply() if silent else world.finish()

    world.provider.script = script
    model = llm(num_retries=1)
    conversation = world.conversation(world.agent(model))
    conversation.send_message("Look around.")
    conversation.run()
    assert conversation.state.execution_status.value == "finished"
    assert model.metrics.accumulated_cost == pytest.approx(world.provider.total_usd)


def test_an_error_keeps_the_type_of_the_wanted_endpoints(world, llm) -> None:
    world.provider.faults.always(faults.server_error(503))
    with pytest.raises(LLMServiceUnavailableError):
        llm(**{**QUICK, "num_retries": 1}).generate(HELLO)
