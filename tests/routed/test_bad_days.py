"""What providers, clocks and forks do on a bad day, and that calls end well or soon."""

from __future__ import annotations

import logging
import time

import pytest
from openhands.sdk.llm import LLM, Message, TextContent
from openhands.sdk.llm.exceptions import LLMError, LLMTimeoutError

from openhands_tiered_router import ComplexityRouter
from openhands_tiered_router.calls.fleet import fleet
from openhands_tiered_router.guards.budget.limits import Budget, Scope
from openhands_tiered_router.loopback import Reply, faults
from openhands_tiered_router.loopback.exchange import Usage
from openhands_tiered_router.policy.outcome import ErrorKind
from openhands_tiered_router.settings import RouterSettings


HELLO = [Message(role="user", content=[TextContent(text="Hello.")])]
ENDLESS = {
    "JSON that never ends": faults.Drip(b'{"a": [' + b"1," * 100),
    "JSON that drips": faults.Drip(b" "),
    "keep-alive comments": faults.Drip(b": keepalive\n\n", "text/event-stream"),
}


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "plain"])
@pytest.mark.parametrize("name", ENDLESS)
async def test_no_attempt_outlives_its_time(world, name: str, stream: bool) -> None:
    world.provider.faults.always(ENDLESS[name], model="gpt-4o-mini")
    brief = world.quick.model_copy(update={"attempt_timeout": 2})
    for call in ("sync", "async"):
        router = world.router(
            settings=RouterSettings(dispatch=brief), llm_fields={"stream": stream}
        )
        heard = (lambda _: None) if stream else None
        began = time.monotonic()
        if call == "sync":
            router.generate(HELLO, tier="simple", on_token=heard)
        else:
            await router.agenerate(HELLO, tier="simple", on_token=heard)
        assert time.monotonic() - began < 30
        assert world.provider.requests[-1].model == "gpt-4o"


def test_alone_it_is_told_as_a_timeout(world) -> None:
    world.provider.faults.always(ENDLESS["JSON that drips"])
    brief = world.quick.model_copy(update={"attempt_timeout": 1, "total_timeout": 1.0})
    router = world.router(
        {"simple": "openai/gpt-4o-mini"}, settings=RouterSettings(dispatch=brief)
    )
    with pytest.raises(LLMTimeoutError, match="no whole answer"):
        router.generate(HELLO)


@pytest.mark.parametrize(
    "model",
    ["openai/gpt-4o-mini", "anthropic/claude-haiku-4-5", "deepseek/deepseek-chat"],
)
def test_402_is_out_of_credit_and_goes_elsewhere(world, model: str) -> None:
    broke = faults.HttpError(status=402, message="Insufficient Balance")
    name = model.partition("/")[2]
    world.provider.faults.always(broke, model=name)
    models = {"simple": model, "simple/2": model, "complex": "openai/gpt-4o"}
    router = world.router(models)
    router.generate(HELLO, tier="simple", call_context=_context("s"))
    outcome = fleet().calls("s")[-1].outcome
    assert outcome.endpoint == "complex"
    kinds = {attempt.error for attempt in outcome.attempts[:-1]}
    assert kinds == {ErrorKind.QUOTA}


@pytest.mark.slow
def test_a_clock_that_is_set_back_leaves_nobody_waiting(
    world, monkeypatch: pytest.MonkeyPatch
) -> None:
    router = world.router({"simple": "openai/gpt-4o-mini"})
    world.provider.faults.next(faults.rate_limited(1))
    wall = time.time
    router.generate(HELLO)
    world.provider.faults.next(faults.rate_limited(3))
    with monkeypatch.context() as patch:
        patch.setattr(time, "time", lambda: wall() - 3_600)
        began = time.monotonic()
        router.generate(HELLO)
        assert time.monotonic() - began < 60


@pytest.mark.parametrize(
    "usage",
    [
        Usage(prompt=-5, completion=3),
        Usage(prompt=10**20, completion=3),
        Usage(prompt=100, completion=-1),
    ],
    ids=["negative", "absurd", "negative answer"],
)
def test_impossible_usage_is_not_booked(world, caplog, usage: Usage) -> None:
    world.provider.script = lambda _: Reply(text="Hello to you.", usage=usage)
    router = world.router(
        {"simple": "openai/gpt-4o-mini"},
        settings=RouterSettings(
            dispatch=world.quick,
            budgets=(Budget(name="b", scope=Scope.PROJECT, usd=1.0),),
        ),
    )
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            answer = router.generate(HELLO)
            assert "Hello to you." in str(answer.message.content)
    assert "impossible number of tokens" in caplog.text
    assert "its cost is estimated" in caplog.text
    total = router.metrics.accumulated_token_usage
    assert total
    assert 0 <= total.prompt_tokens < 1_000
    assert router.metrics.accumulated_cost < 0.1


@pytest.mark.parametrize(
    "address", ["https://no-such-host.invalid/v1", "http://no-such-host.invalid/v1"]
)
async def test_a_wrong_name_is_told_soon(world, address: str) -> None:
    llm = world.llm("openai/gpt-4o-mini", base_url=address)
    router = ComplexityRouter(llms_for_routing={"simple": llm})
    began = time.monotonic()
    with pytest.raises(LLMError):
        router.generate(HELLO)
    with pytest.raises(LLMError):
        await router.agenerate(HELLO)
    assert time.monotonic() - began < 40  # 5 s each on an idle machine


def _context(session: str):
    from openhands.sdk.llm.call_context import LLMCallContext

    return LLMCallContext(session_id=session)


def test_models_that_take_as_long_as_they_may(world) -> None:
    """A time limit of the model's own goes before that of ``[dispatch]``."""
    world.provider.faults.next(faults.SlowFirstByte(2.5))
    brief = world.quick.model_copy(update={"attempt_timeout": 1})
    llm = LLM(
        model="openai/gpt-4o-mini",
        base_url=f"{world.provider.base_url}/v1",
        api_key="sk-x",
        timeout=60,
    )
    router = ComplexityRouter(
        llms_for_routing={"simple": llm}, settings=RouterSettings(dispatch=brief)
    )
    router.generate(HELLO)
    assert len(world.provider.requests) == 1
