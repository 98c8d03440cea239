"""A conversation that pauses: old results go out of its prompts, once, for good."""

from __future__ import annotations

import datetime as real
import json
from pathlib import Path
from typing import Any

import pytest
from openhands.sdk import LocalConversation, Tool
from openhands.sdk.context.condenser import PipelineCondenser
from openhands.tools.terminal import TerminalTool

from openhands_tiered_router import ColdCacheCondenser, ComplexityRouter, RoutedAgent
from openhands_tiered_router.loopback.scripts import by_turn
from openhands_tiered_router.policy.economics.lifetime import CacheSettings
from openhands_tiered_router.settings import RouterSettings
from openhands_tiered_router.tokens.settings import TokenSettings


FILES = 14
TERMINAL = Tool(name=TerminalTool.name, params={"terminal_type": "subprocess"})


class Clock:
    """The time that the SDK gives its events; moved by hand."""

    def __init__(self) -> None:
        self.ahead = real.timedelta()

    def now(self, tz: real.tzinfo | None = None) -> real.datetime:
        return real.datetime.now(tz) + self.ahead


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("openhands.sdk.event.base.datetime", clock)
    return clock


def router(world, **cache: Any) -> ComplexityRouter:
    settings = RouterSettings(
        dispatch=world.quick,
        cache=CacheSettings(**cache),
        tokens=TokenSettings(mask=True),
    )
    made = world.router(settings=settings)
    made.pin("simple")  # one wire format in all requests
    return made


def conversation(world, lifetime: float, **fields: Any) -> LocalConversation:
    for i in range(FILES):
        text = "\n".join(f"value_{i}_{n} = {n}" for n in range(60))
        (world.workspace / f"f{i}.txt").write_text(text)
    condenser = PipelineCondenser(condensers=[ColdCacheCondenser(lifetime=lifetime)])
    agent = world.agent(
        router(world), RoutedAgent, tools=[TERMINAL], condenser=condenser
    )
    return world.conversation(agent, **fields)


def script(world) -> None:
    looks = [world.terminal(f"cat f{i}.txt") for i in range(FILES)]
    more = [world.terminal("true"), world.finish()]
    world.provider.script = by_turn([*looks, world.finish(), *more, *more])


def results(request: Any) -> list[str]:
    """The texts of the tool results that a request has, oldest first."""
    messages = request.body["messages"]
    return [json.dumps(m["content"]) for m in messages if m["role"] == "tool"]


def characters(result: str) -> int:
    """Of one of ``results``."""
    content = json.loads(result)
    return len(content if isinstance(content, str) else content[0]["text"])


@pytest.mark.slow
def test_after_a_pause_old_results_are_notices(
    world, clock: Clock, tmp_path: Path
) -> None:
    script(world)
    made = conversation(world, 300.0, persistence_dir=str(tmp_path / "p"))
    made.send_message("Look.")
    made.run()
    whole = results(world.provider.requests[-1])
    assert not any("left out here" in text for text in whole)
    clock.ahead += real.timedelta(minutes=10)
    made.send_message("Go on.")
    made.run()
    after = results(world.provider.requests[-1])
    old = FILES + 1 - 10  # with the result of `finish`, 15 came before the pause
    for i, text in enumerate(after[:FILES]):
        assert ("left out here" in text) == (i < old)
        assert (f"value_{i}_30" in text) == (i >= old)
        assert "exit code 0" in text
    llm = made.agent.llm
    assert isinstance(llm, ComplexityRouter)
    outcomes = [call.outcome for call in llm.calls(made.id)]
    left_out = sum(map(characters, whole[:old])) - sum(map(characters, after[:old]))
    assert outcomes[-1].spared_results == left_out // 4
    assert outcomes[FILES].spared_results == 0
    # The next request begins with the very same bytes.
    first, second = (results(r) for r in world.provider.requests[-2:])
    assert second[: len(first)] == first
    sent = after

    made.close()
    again = conversation(
        world, 300.0, persistence_dir=str(tmp_path / "p"), conversation_id=made.id
    )
    again.send_message("And again.")
    again.run()
    assert results(world.provider.requests[-1])[: len(sent)] == sent
    # What is stored is whole.
    stored = json.dumps([e.model_dump(mode="json") for e in again.state.events])
    assert all(f"value_{i}_30" in stored for i in range(FILES))


def test_while_the_cache_lives_nothing_is_left_out(world, clock: Clock) -> None:
    script(world)
    made = conversation(world, 3_600.0)
    made.send_message("Look.")
    made.run()
    clock.ahead += real.timedelta(minutes=10)
    made.send_message("Go on.")
    made.run()
    after = results(world.provider.requests[-1])
    assert not any("left out here" in text for text in after)


@pytest.mark.parametrize(("one_hour", "lifetime"), [(True, 3_600.0), (False, 300.0)])
def test_the_default_condenser_knows_the_lifetimes(
    world, one_hour: bool, lifetime: float
) -> None:
    from openhands_tiered_router import routed_agent

    agent = routed_agent(router(world, one_hour=one_hour), tools=[TERMINAL])
    assert isinstance(agent.condenser, PipelineCondenser)
    masks, summaries = agent.condenser.condensers
    assert isinstance(masks, ColdCacheCondenser)
    assert masks.lifetime == lifetime
    stored = agent.model_dump(mode="json", context={"expose_secrets": True})
    restored = RoutedAgent.model_validate(stored)
    assert isinstance(restored.condenser, PipelineCondenser)
    masks, summaries = restored.condenser.condensers
    assert isinstance(masks, ColdCacheCondenser)
    assert isinstance(summaries.get_llm(), ComplexityRouter)
