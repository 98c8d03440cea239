"""Rate limits, hanging and recovery over real HTTP."""

from __future__ import annotations

import asyncio
import re
import sqlite3
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from openhands.sdk.conversation.exceptions import ConversationRunError
from openhands.sdk.llm import Message, TextContent
from openhands.sdk.llm.call_context import LLMCallContext
from openhands.sdk.llm.exceptions import LLMRateLimitError

from openhands_tiered_router.calls.fleet import fleet, reset_fleet
from openhands_tiered_router.calls.health.limiter import Counts
from openhands_tiered_router.calls.settings import BreakerSettings, StateSettings
from openhands_tiered_router.loopback import faults
from openhands_tiered_router.policy.outcome import ErrorKind
from openhands_tiered_router.settings import RouterSettings
from openhands_tiered_router.tiers import Limits
from tests.waiting import wait_until


HELLO = [Message(role="user", content=[TextContent(text="Hello")])]


def limiter_of(router, key: str = "complex"):
    setup = router._ready()
    return setup.health_of(setup.endpoint(key)).limiter


def with_limits(world, limits: Limits, **dispatch: Any):
    """A router with one endpoint of that rate."""
    router = world.router({"complex": "openai/gpt-4o-mini"})
    endpoint = replace(router._ready().endpoint("complex"), limits=limits)
    settings = RouterSettings(
        endpoints=(endpoint,), dispatch=world.quick.model_copy(update=dispatch)
    )
    return world.router({"complex": "openai/gpt-4o-mini"}, settings=settings)


def test_a_run_that_was_turned_away_goes_on_when_run_again(world) -> None:
    """The SDK's ``run`` does not retry a step; the next ``run`` takes it up again."""
    router = with_limits(world, Limits(rpm=2), queue=0)
    conversation = world.conversation(world.agent(router))
    conversation.send_message("Look around.")
    with pytest.raises(ConversationRunError) as caught:
        conversation.run()
    assert isinstance(caught.value.__cause__, LLMRateLimitError)
    assert re.search(r"try again in \d+ s", str(caught.value.__cause__))
    assert len(world.provider.requests) == 2
    for _ in range(2):
        limiter_of(router)._value.last = Counts()  # a minute later
        if str(conversation.state.execution_status.value) != "finished":
            try:
                conversation.run()
            except ConversationRunError:
                continue
    assert conversation.state.execution_status.value == "finished"
    assert len(world.provider.requests) == 5


@pytest.mark.slow
@pytest.mark.parametrize("use_async", [False, True])
def test_processes_share_what_they_know(world, tmp_path: Path, use_async: bool) -> None:
    """A new fleet on the same file stands for another process."""
    models = {"complex": "openai/gpt-4o-mini", "complex/2": "openai/gpt-4o"}
    known = world.router(models)._ready().endpoints.values()
    settings = RouterSettings(
        dispatch=world.quick,
        breaker=BreakerSettings(cooldown=600.0),
        state=StateSettings(backend="sqlite", path=str(tmp_path / "state.sqlite3")),
        endpoints=tuple(replace(e, cache_id=e.key, weight=1.0) for e in known),
    )
    world.provider.faults.always(faults.ResetConnection(), model="gpt-4o-mini")
    for session in map(str, range(20)):
        reset_fleet()
        router = world.router(models, settings=settings)
        context = LLMCallContext(session_id=session)
        if use_async:
            asyncio.run(router.agenerate(HELLO, call_context=context))
        else:
            router.generate(HELLO, call_context=context)
        outcome = fleet().calls(session)[-1].outcome
        assert outcome.endpoint == "complex/2"
    asked = [request.model for request in world.provider.requests]
    assert asked.count("gpt-4o-mini") == 1  # of about ten that it is the first for


async def test_cancelling_leaves_the_line(world) -> None:
    router = with_limits(world, Limits(rpm=1), total_timeout=1000.0)
    await router.agenerate(HELLO)
    waiting = [asyncio.create_task(router.agenerate(HELLO)) for _ in range(3)]
    limiter = limiter_of(router)
    while limiter.waiting < 3:
        await asyncio.sleep(0.01)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert limiter.waiting == 0
    assert len(world.provider.requests) == 1


def two_equals(world, limits: Limits | None = None, **dispatch: Any):
    """A router, and a conversation that goes to the one with the limits first."""
    models = {"complex": "openai/gpt-4o-mini", "complex/2": "openai/gpt-4o"}
    first, second = world.router(models)._ready().endpoints.values()
    settings = RouterSettings(
        dispatch=world.quick.model_copy(update=dispatch),
        endpoints=(replace(first, limits=limits or Limits()), second),
    )
    router = world.router(models, settings=settings)
    session = next(
        name for name in map(str, range(100)) if chosen(router, name) == "complex"
    )
    return router, session


def chosen(router, session: str) -> str:
    context = LLMCallContext(session_id=session)
    router.generate(HELLO, call_context=context)
    return fleet().calls(session)[-1].decision.endpoint


def outcome_of(router, session: str):
    context = LLMCallContext(session_id=session)
    router.generate(HELLO, call_context=context)
    return fleet().calls(session)[-1].outcome


def test_one_that_is_full_is_avoided_while_an_equal_has_room(world) -> None:
    router, session = two_equals(world, Limits(rpm=1))
    assert chosen(router, session) == "complex/2"


def test_one_that_hangs_is_left_in_seconds_by_what_is_known_of_it(world) -> None:
    """Its own timeout is 300 s."""
    router, session = two_equals(world, hang_timeout=2.0)
    for _ in range(20):
        outcome_of(router, session)
    world.provider.faults.next(faults.Hang(), model="gpt-4o-mini")
    began = time.monotonic()
    outcome = outcome_of(router, session)
    assert time.monotonic() - began < 60
    assert outcome.endpoint == "complex/2"
    assert outcome.attempts[0].error is ErrorKind.TIMEOUT


def test_calls_go_elsewhere_and_come_back_and_both_are_on_record(world) -> None:
    router, session = two_equals(world)
    world.provider.faults.always(faults.ResetConnection(), model="gpt-4o-mini")
    for _ in range(3):
        assert outcome_of(router, session).endpoint == "complex/2"
    world.provider.faults.clear()
    wait_until(lambda: outcome_of(router, session).endpoint == "complex")
    recorder = router._ready().recorder
    assert recorder.flush(60)
    with sqlite3.connect(recorder.path) as database:
        rows = database.execute(
            "SELECT kind, detail FROM guard_events WHERE guard = 'breaker' ORDER BY key"
        ).fetchall()
    assert [kind for kind, _ in rows] == ["opened", "closed"]
    assert '"complex"' in rows[0][1]
    assert "connection" in rows[0][1]
