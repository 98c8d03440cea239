"""Work that is handed on runs on the sub-agent's tier, and is paid for once."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from openhands.sdk import LocalConversation
from openhands.sdk.subagent import (
    agent_definition_to_factory,
    get_agent_factory,
    register_agent_if_absent,
    registry,
)
from openhands.tools.task import TaskToolSet

from openhands_tiered_router import ComplexityRouter, RoutedAgent, routed_conversation
from openhands_tiered_router.agent import register_subagents
from openhands_tiered_router.loopback import Reply, Request, ToolCall
from openhands_tiered_router.loopback.faults import server_error
from openhands_tiered_router.memory.settings import MemorySettings
from openhands_tiered_router.policy.rules import RULES
from openhands_tiered_router.settings import RouterSettings
from openhands_tiered_router.skill_kit.settings import SkillSettings
from openhands_tiered_router.subagents import (
    OnTier,
    explorer,
)


@pytest.fixture(autouse=True)
def _own_subagents() -> Iterator[None]:
    """The SDK's registry is the process's."""
    before = dict(registry._agent_factories)
    registry._agent_factories.clear()
    yield
    registry._agent_factories.clear()
    registry._agent_factories.update(before)


SEARCH = ("ls", "cat notes.txt", "false")


def handed_on(subagent: str, prompt: str = "What is in notes.txt?") -> Reply:
    arguments = {"subagent_type": subagent, "prompt": prompt}
    return Reply(tool_calls=(ToolCall("task", arguments),))


def script(world, task: Reply):
    """The parent hands the search on, and ends with what it is told."""

    def answer(request: Request) -> Reply:
        if "task" in request.tools:
            return task if request.turn == 0 else world.finish()
        if not request.tools:
            return Reply(text="A title.")
        if request.turn < len(SEARCH):
            return world.terminal(SEARCH[request.turn])
        return world.finish("notes.txt:1 holds an a")

    return answer


def conversation(world, router: ComplexityRouter) -> LocalConversation:
    made = routed_conversation(router, world.workspace, visualizer=None)
    world.conversations.append(made)
    return made


def with_explorer(world, **fields) -> ComplexityRouter:
    settings = RouterSettings(dispatch=world.quick, skills=SkillSettings(explorer=True))
    return world.router(settings=settings, **fields).with_rules(RULES)


def served(world) -> tuple[set[str], set[str]]:
    """The models of the parent's calls, and of the sub-agent's."""
    parent = {r.model for r in world.provider.requests if "task" in r.tools}
    return parent, {r.model for r in world.provider.requests if "task" not in r.tools}


@pytest.mark.parametrize("sync", [True, False])
async def test_the_explorer_runs_on_the_simple_tier(world, sync: bool) -> None:
    world.provider.script = script(world, handed_on("explorer"))
    made = conversation(world, with_explorer(world))
    made.send_message("Find it.")
    made.run() if sync else await made.arun()
    assert served(world)[1] == {"gpt-4o-mini"}
    assert len(world.provider.charged) == 6
    assert world.spent(made) == pytest.approx(world.provider.total_usd, rel=1e-12)
    told = [m for m in world.provider.requests[-1].messages if m.tool_results]
    assert "notes.txt:1 holds an a" in told[-1].tool_results[0].text


def test_its_context_is_short_and_its_own(world) -> None:
    world.provider.script = script(world, handed_on("explorer"))
    made = conversation(world, with_explorer(world))
    made.send_message("Find it, in words that only the parent sees.")
    made.run()
    parent, *_ = world.provider.requests
    own = next(r for r in world.provider.requests if "task" not in r.tools)
    assert own.messages[0].role == "system"
    assert own.messages[0].text.startswith(explorer().system_prompt[:80])
    assert len(own.messages[0].text) < len(parent.messages[0].text) / 10
    assert set(own.tools) == {"terminal", "finish"}
    assert "words that only the parent sees" not in str(own.body)


def test_a_prompt_cannot_raise_it(world) -> None:
    task = handed_on("explorer", "[tier: reasoning] What is in notes.txt?")
    world.provider.script = script(world, task)
    made = conversation(world, with_explorer(world))
    made.send_message("Find it.")
    made.run()
    assert served(world)[1] == {"gpt-4o-mini"}


def test_the_project_names_tiers_up_to_the_default(world, caplog) -> None:
    folder = world.workspace / ".agents" / "agents"
    folder.mkdir(parents=True)
    for name, tier in (("cheap", "medium"), ("dear", "reasoning"), ("odd", "huge")):
        text = f"---\nname: {name}\ntier: {tier}\ntools: [terminal]\n---\nLook.\n"
        (folder / f"{name}.md").write_text(text)
    (folder / "plain.md").write_text("---\nname: plain\n---\nLook.\n")
    with caplog.at_level(logging.WARNING):
        register_subagents(world.workspace)
    assert "odd.md: sub-agent not on a tier" in caplog.text
    assert "the tiers are simple" in caplog.text
    router = world.router()
    pins = {
        name: get_agent_factory(name).factory_func(router).llm._pin  # pyright: ignore
        for name in ("cheap", "dear", "odd", "plain")
    }
    assert {name: pin and str(pin) for name, pin in pins.items()} == {
        "cheap": "medium",
        "dear": None,
        "odd": None,
        "plain": None,
    }
    assert router._pin is None, "the parent's own router is left alone"
    assert "tier reasoning is not pinned" in caplog.text


def test_beside_a_plain_model_it_is_a_plain_sub_agent(world) -> None:
    register_subagents(world.workspace)
    agent = get_agent_factory("explorer").factory_func(world.llm("openai/gpt-4o"))
    assert not isinstance(agent, RoutedAgent)
    assert agent.llm.model == "openai/gpt-4o"


def test_a_definition_of_the_project_goes_first(world) -> None:
    folder = world.workspace / ".agents" / "agents"
    folder.mkdir(parents=True)
    text = "---\nname: explorer\ntier: medium\ntools: [terminal]\n---\nOur own words.\n"
    (folder / "explorer.md").write_text(text)
    register_subagents(world.workspace)
    agent = get_agent_factory("explorer").factory_func(world.router())
    assert agent.system_prompt == "Our own words."


def test_names_that_others_have_registered_are_put_on_their_tiers(world) -> None:
    # As an agent-server does with what its clients send.
    definition = explorer()
    make = agent_definition_to_factory(definition)
    register_agent_if_absent(definition.name, make, definition)
    for _ in range(2):
        register_subagents(world.workspace)
    found = get_agent_factory("explorer")
    assert found.definition is definition
    assert isinstance(found.factory_func, OnTier)
    assert found.factory_func.make is make


@pytest.mark.own_fault
def test_a_fault_of_ours_leaves_the_agent_its_other_tools(
    world, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(agent_class: type) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr("openhands_tiered_router.subagents.put_on_tiers", broken)
    world.provider.script = lambda _: world.finish()
    made = conversation(world, with_explorer(world))
    made.send_message("Find it.")
    made.run()
    assert made.state.execution_status.value == "finished"
    assert "sub-agents not put on tiers: RuntimeError" in caplog.text
    assert "secret" not in caplog.text


def test_off_by_default(world, tmp_path: Path) -> None:
    made = conversation(world, world.router())
    names = {tool.name for tool in made.agent.tools}
    assert TaskToolSet.name not in names
    with pytest.raises(ValueError, match="Unknown agent"):
        get_agent_factory("explorer")


def test_it_has_no_memory_since_a_model_tells_it_what_to_do(world) -> None:
    settings = RouterSettings(memory=MemorySettings(enabled=True))
    router = world.router(settings=settings)
    register_subagents(world.workspace)
    llm = get_agent_factory("explorer").factory_func(router).llm
    assert isinstance(llm, ComplexityRouter)
    assert not llm.settings.memory.enabled
    assert router.settings.memory.enabled


def test_verification_is_left_to_the_parent(world) -> None:
    settings = RouterSettings(verify={"enabled": True}, dispatch=world.quick)  # pyright: ignore
    register_subagents(world.workspace)
    router = world.router(settings=settings)
    agent = get_agent_factory("explorer").factory_func(router)
    assert isinstance(agent, RoutedAgent)
    assert not agent.verifies
    assert RoutedAgent(llm=router).verifies


def test_a_task_that_is_taken_up_again_stays_on_its_tier(world) -> None:
    first = handed_on("explorer")
    again = {"subagent_type": "explorer", "prompt": "And?", "resume": "task_00000001"}
    more = Reply(tool_calls=(ToolCall("task", again),))
    search = script(world, first)

    def answer(request: Request) -> Reply:
        if "task" in request.tools and request.turn == 1:
            return more
        if "task" not in request.tools and request.turn > len(SEARCH):
            return world.finish("Nothing else.")
        return search(request)

    world.provider.script = answer
    made = conversation(world, with_explorer(world))
    made.send_message("Find it.")
    made.run()
    assert served(world)[1] == {"gpt-4o-mini"}
    told = [m for m in world.provider.requests[-1].messages if m.tool_results]
    assert "Nothing else." in told[-1].tool_results[0].text
    assert world.spent(made) == pytest.approx(world.provider.total_usd, rel=1e-12)


def test_the_next_tier_serves_it_when_its_own_is_down(world) -> None:
    world.provider.script = script(world, handed_on("explorer"))
    world.provider.faults.always(server_error(503), model="gpt-4o-mini")
    made = conversation(world, with_explorer(world))
    made.send_message("Find it.")
    made.run()
    charged = {c.model for c in world.provider.charged[1:-1]}
    assert charged == {"gpt-4o"}
    told = [m for m in world.provider.requests[-1].messages if m.tool_results]
    assert "notes.txt:1 holds an a" in told[-1].tool_results[0].text
