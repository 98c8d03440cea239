"""Endpoints that fail in every way the provider can act out, over real HTTP."""

from __future__ import annotations

import asyncio
import socket
import time
from dataclasses import replace

import pytest
from openhands.sdk.llm import ImageContent, Message, TextContent
from openhands.sdk.llm.exceptions import (
    LLMContextWindowExceedError,
    LLMServiceUnavailableError,
)

from openhands_tiered_router import ComplexityRouter, Tier
from openhands_tiered_router.calls.fleet import fleet
from openhands_tiered_router.loopback import LoopbackProvider, faults
from openhands_tiered_router.policy.outcome import ErrorKind
from openhands_tiered_router.policy.request import Purpose, RoutingRequest
from openhands_tiered_router.policy.session import SessionState
from openhands_tiered_router.settings import RouterSettings


HELLO = [Message(role="user", content=[TextContent(text="Hello")])]
CHAT = "gpt-4o-mini"
FAULTS = {
    "rate limit": (faults.rate_limited(30), ErrorKind.RATE_LIMIT),
    "quota": (faults.QuotaExhausted(), ErrorKind.QUOTA),
    "key": (faults.refused(401), ErrorKind.AUTH),
    "forbidden": (faults.refused(403), ErrorKind.AUTH),
    "no such model": (faults.refused(404), ErrorKind.NOT_FOUND),
    "server error": (faults.server_error(500), ErrorKind.OVERLOADED),
    "bad gateway": (faults.server_error(502), ErrorKind.OVERLOADED),
    "unavailable": (faults.server_error(503), ErrorKind.OVERLOADED),
    "overloaded": (faults.Overloaded(), ErrorKind.OVERLOADED),
    "bad request": (faults.bad_request("odd parameter"), ErrorKind.BAD_REQUEST),
    "empty answer": (faults.EmptyAnswer(), ErrorKind.MALFORMED),
}


def two_endpoints(world, **fields):
    models = {"complex": f"openai/{CHAT}", "complex/2": "openai/gpt-4o"}
    router = world.router(models, **fields)
    # The first in the order of this test, whatever the draw of the weights says.
    first = next(
        name for name in map(str, range(100)) if _first(router, name) == "complex"
    )
    return router, first


def _first(router, session: str) -> str:
    from openhands.sdk.llm.call_context import LLMCallContext, llm_call_context_scope

    with llm_call_context_scope(LLMCallContext(session_id=session)):
        return router.select_llm(HELLO)


def generate(router, session: str, **kwargs):
    from openhands.sdk.llm.call_context import LLMCallContext

    context = LLMCallContext(session_id=session)
    response = router.generate(HELLO, call_context=context, **kwargs)
    return response, fleet().calls(session)[-1].outcome


@pytest.mark.parametrize("name", FAULTS)
def test_another_endpoint_of_the_tier_answers(world, name: str) -> None:
    fault, kind = FAULTS[name]
    world.provider.faults.always(fault, model=CHAT)
    router, session = two_endpoints(world)
    _, outcome = generate(router, session)
    assert outcome.endpoint == "complex/2"
    # An empty answer is asked for again, as the SDK does.
    times = 2 if name == "empty answer" else 1
    assert [(a.endpoint, a.error) for a in outcome.attempts] == [
        *[("complex", kind)] * times,
        ("complex/2", None),
    ]


@pytest.mark.parametrize("name", ["server error", "quota", "forbidden"])
async def test_the_same_when_async(world, name: str) -> None:
    fault, kind = FAULTS[name]
    world.provider.faults.always(fault, model=CHAT)
    router, session = two_endpoints(world)
    from openhands.sdk.llm.call_context import LLMCallContext

    await router.agenerate(HELLO, call_context=LLMCallContext(session_id=session))
    outcome = fleet().calls(session)[-1].outcome
    assert outcome.endpoint == "complex/2"
    assert outcome.attempts[0].error is kind


@pytest.mark.parametrize("dead", ["refused", "hangs", "500"])
def test_a_dead_first_endpoint_costs_seconds(world, dead: str) -> None:
    router, session = two_endpoints(world, llm_fields={"timeout": 2})
    with LoopbackProvider() as other:
        llm = router.llms_for_routing["complex"]
        address = other.base_url + "/v1"
        router.llms_for_routing["complex"] = llm.model_copy(
            update={"base_url": address}
        )
        if dead == "hangs":
            other.faults.always(faults.Hang())
        if dead == "500":
            other.faults.always(faults.server_error(500))
        if dead == "refused":
            other.stop()
        began = time.monotonic()
        _, outcome = generate(router, session)
        assert time.monotonic() - began < 60
        assert outcome.endpoint == "complex/2"
        expected = {
            "refused": ErrorKind.CONNECTION,
            "hangs": ErrorKind.TIMEOUT,
            "500": ErrorKind.OVERLOADED,
        }
        assert outcome.attempts[0].error is expected[dead]


def test_an_address_that_does_not_connect_costs_the_connect_timeout(world) -> None:
    """A listener whose queue is full drops further connections: as a dead host does."""
    dispatch = world.quick.model_copy(update={"connect_timeout": 0.5})
    router, session = two_endpoints(world, settings=RouterSettings(dispatch=dispatch))
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        waiting = [socket.socket() for _ in range(3)]
        for client in waiting:
            client.setblocking(False)
            client.connect_ex(full.getsockname())
        address = f"http://127.0.0.1:{full.getsockname()[1]}/v1"
        llm = router.llms_for_routing["complex"]
        router.llms_for_routing["complex"] = llm.model_copy(
            update={"base_url": address}
        )
        began = time.monotonic()
        _, outcome = generate(router, session)
        assert time.monotonic() - began < 60
        for client in waiting:
            client.close()
    assert outcome.endpoint == "complex/2"
    assert outcome.attempts[0].error is ErrorKind.TIMEOUT


@pytest.mark.parametrize("model", [CHAT, "gpt-5-codex", "claude-sonnet-4-5"])
def test_a_short_retry_after_is_waited_for(world, model: str) -> None:
    world.provider.faults.next(faults.rate_limited(1), model=model)
    family = "anthropic" if model.startswith("claude") else "openai"
    router = world.router({"simple": f"{family}/{model}", "complex": "openai/gpt-4o"})
    _, outcome = generate(router, "s", tier="simple")
    assert outcome.endpoint == "simple"
    assert [a.error for a in outcome.attempts] == [ErrorKind.RATE_LIMIT, None]
    assert outcome.seconds >= 1


def test_a_resting_endpoint_is_a_fallback_of_the_tier_above(world) -> None:
    """Pinned to a tier that asked to wait, while the one above has no key."""
    model = "claude-opus-4-5"
    world.provider.faults.always(faults.refused(401), model=model)
    router = world.router()
    setup = router._ready()
    setup.health_of(setup.endpoint("complex")).breaker.failed(
        ErrorKind.RATE_LIMIT, time.time(), retry_after=0.5
    )
    _, outcome = generate(router, "s", tier="complex")
    assert outcome.endpoint == "complex"
    assert outcome.attempts[0].error is ErrorKind.AUTH


def test_two_accounts_of_one_model_rest_apart(world) -> None:
    world.provider.faults.next(faults.rate_limited(30), model=CHAT)
    llms = {
        key: world.llm(f"openai/{CHAT}", api_key=f"sk-{key}")
        for key in ("simple", "simple/2")
    }
    router = ComplexityRouter(llms_for_routing={**llms, "complex": llms["simple"]})
    _, outcome = generate(router, "s", tier="simple")
    assert len(outcome.attempts) == 2
    assert {a.endpoint for a in outcome.attempts} == {"simple", "simple/2"}
    assert "sk-" not in str(router._ready().endpoints)


def test_a_call_with_tools_goes_to_an_endpoint_that_calls_them(world) -> None:
    router = world.router()
    known = router._ready().endpoints.values()
    unable = [replace(e, tools=e.key != "simple") for e in known]
    settings = RouterSettings(endpoints=tuple(unable))
    router = world.router(settings=settings)
    request = RoutingRequest(
        session_id="s",
        purpose=Purpose.TURN,
        prompt_tokens=100,
        needs_tools=True,
        pin=Tier.SIMPLE,
    )
    decision = router._ready().decide(request, SessionState(), now=time.time())
    assert decision.endpoint == "medium"


def test_the_tier_above_answers_but_never_the_one_below(world) -> None:
    for model in ("claude-sonnet-4-5", "claude-opus-4-5"):
        world.provider.faults.always(faults.server_error(500), model=model)
    impatient = RouterSettings(
        dispatch=world.quick.model_copy(update={"total_timeout": 1.0})
    )
    router = world.router(settings=impatient)
    with pytest.raises(LLMServiceUnavailableError) as caught:
        router.generate(HELLO, tier="complex")
    asked = {request.model for request in world.provider.requests}
    assert asked == {"claude-sonnet-4-5", "claude-opus-4-5"}
    assert "complex (anthropic/claude-sonnet-4-5): overloaded" in str(caught.value)
    assert "reasoning (anthropic/claude-opus-4-5): overloaded" in str(caught.value)
    assert "sk-loopback" not in str(caught.value)


def test_context_too_long_goes_to_a_bigger_window(world) -> None:
    world.provider.faults.always(faults.ContextTooLong(), model=CHAT)
    router = world.router({"simple": f"openai/{CHAT}", "complex": "openai/gpt-4.1"})
    world.provider._prices["gpt-4.1"] = None  # not billed in this test
    _, outcome = generate(router, "s", tier="simple")
    assert outcome.endpoint == "complex"
    assert outcome.attempts[0].error is ErrorKind.CONTEXT


def test_context_too_long_for_all_reaches_the_agent(world) -> None:
    world.provider.faults.always(faults.ContextTooLong())
    router = world.router()
    with pytest.raises(LLMContextWindowExceedError):
        generate(router, "s")


def test_images_only_go_to_endpoints_that_see(world) -> None:
    pixel = "data:image/png;base64,iVBORw0KGgo="
    seen = Message(role="user", content=[ImageContent(image_urls=[pixel])])
    router = world.router(
        {"simple": "openai/gpt-3.5-turbo", "complex": "openai/gpt-4o"}
    )
    from openhands.sdk.llm.call_context import LLMCallContext

    context = LLMCallContext(session_id="s")
    router.generate([*HELLO, seen], tier="simple", call_context=context)
    call = fleet().calls("s")[-1]
    assert call.outcome.endpoint == "complex"
    blind = next(c for c in call.decision.candidates if c.endpoint == "simple")
    assert blind.excluded == "cannot see images"


async def test_cancelling_leaves_nothing_half_open(world) -> None:
    world.provider.faults.next(faults.server_error(500), model=CHAT, times=2)
    router = world.router({"complex": f"openai/{CHAT}"})
    endpoint = router._ready().endpoint("complex")
    breaker = router._ready().health_of(endpoint).breaker
    breaker.failed(ErrorKind.CONNECTION, time.time() - 60)
    world.provider.faults.clear()
    world.provider.faults.next(faults.Hang(), model=CHAT)
    task = asyncio.create_task(router.agenerate(HELLO))
    while not world.provider.requests:
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert breaker.acquire(time.time())


def test_a_cut_stream_is_answered_by_another_endpoint(world) -> None:
    world.provider.faults.always(faults.CutStream(), model=CHAT)
    router, session = two_endpoints(world, llm_fields={"stream": True})
    chunks: list[object] = []
    _, outcome = generate(router, session, on_token=chunks.append)
    assert chunks
    assert outcome.endpoint == "complex/2"
    assert outcome.attempts[0].error in (ErrorKind.CONNECTION, ErrorKind.OVERLOADED)


@pytest.mark.own_fault
def test_the_routers_own_fault_goes_to_the_default_tier(
    world, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    router = world.router()
    setup = router._ready()

    def broken(_: object) -> object:
        raise RuntimeError("secret prompt text")

    router._setup.value = replace(setup, engine=replace(setup.engine, rules=(broken,)))
    _, outcome = generate(router, "s")
    assert outcome.endpoint == "complex"
    assert fleet().calls("s")[-1].decision.policy == "fallback"
    assert "RuntimeError" in caplog.text
    assert "secret prompt text" not in caplog.text


def test_default_settings_try_as_long_as_the_sdk_would(world) -> None:
    assert RouterSettings().dispatch.total_timeout == 120
    # One attempt, as 1 is, but no number that someone gave.
    assert world.router().llms_for_routing["simple"].num_retries == 0
