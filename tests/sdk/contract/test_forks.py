"""A fork calls what its source calls, or says that it does not."""

from __future__ import annotations

import inspect

import pytest
from openhands.sdk import LocalConversation
from openhands.sdk.agent import Agent

from openhands_tiered_router import ComplexityRouter, RoutedAgent


LOST = "has no router"


def _source(world, agent: Agent) -> LocalConversation:
    source = world.conversation(agent)
    source.send_message("Look around.")
    source.run()
    return source


def _models(world, fork: LocalConversation) -> set[str]:
    world.conversations.append(fork)
    before = len(world.provider.requests)
    fork.send_message("Go on.")
    fork.run()
    return {request.model for request in world.provider.requests[before:]}


def test_a_fork_keeps_its_model(world, kind, llm, caplog) -> None:
    agent_kind = RoutedAgent if kind == "router" else Agent
    model = llm()
    fork = _source(world, world.agent(model, agent_kind)).fork()
    assert type(fork.agent.llm) is type(model)
    assert _models(world, fork) == {"gpt-4o"}
    assert LOST not in caplog.text


@pytest.mark.parametrize("given", [False, True])
def test_a_fork_that_loses_its_router_says_so(world, caplog, given: bool) -> None:
    router = world.router()
    agent = world.agent(router)
    if given:
        fork = _source(world, world.agent(world.llm("openai/gpt-4o"))).fork(agent=agent)
    else:
        fork = _source(world, agent).fork()
    assert not isinstance(fork.agent.llm, ComplexityRouter)
    (said,) = [r.getMessage() for r in caplog.records if LOST in r.getMessage()]
    assert str(fork.id) in said
    assert "calls anthropic/claude-sonnet-4-5 alone" in said
    assert _models(world, fork) == {"claude-sonnet-4-5"}


def test_the_remedy_that_it_names_works(world) -> None:
    router = world.router()
    source = _source(world, world.agent(router))
    before = world.provider.total_usd
    fork = source.fork()
    copied = router.model_copy(update={"usage_id": "fork"})
    fork.switch_llm(copied)
    copied.pin("medium")
    assert _models(world, fork) == {"gpt-4o"}
    spent = world.provider.total_usd - before
    assert copied.metrics.accumulated_cost == pytest.approx(spent)
    assert world.spent(fork) == pytest.approx(spent)
    assert router.metrics.accumulated_cost == pytest.approx(before)


def test_the_wrapped_fork_is_the_sdks_own() -> None:
    names = inspect.signature(LocalConversation.fork).parameters
    assert {"conversation_id", "agent", "tags", "from_event_id"} <= names.keys()
    assert LocalConversation.fork.__module__ == LocalConversation.__module__
