"""``[confirm]`` in routed conversations, and the SDK's own confirmation mode."""

from __future__ import annotations

import asyncio

import pytest
from openhands.sdk import Tool
from openhands.sdk.conversation.state import ConversationExecutionStatus as Status
from openhands.sdk.event import ObservationEvent
from openhands.tools.terminal import TerminalTool

from openhands_tiered_router import routed_conversation
from openhands_tiered_router.agent import RoutedAgent
from openhands_tiered_router.config import ConfigError, parse_config
from openhands_tiered_router.graph.settings import GraphSettings
from openhands_tiered_router.guards.confirm.analyzer import wait_for_all
from openhands_tiered_router.guards.confirm.queue import approve, waiting
from openhands_tiered_router.guards.confirm.settings import ConfirmSettings, Mode
from openhands_tiered_router.loopback import Reply, ToolCall
from openhands_tiered_router.loopback.scripts import by_turn
from openhands_tiered_router.settings import RouterSettings
from openhands_tiered_router.tiers import Tier
from tests.routed.conftest import QUICK, World


TWO = Reply(
    tool_calls=(
        ToolCall("terminal", {"command": "cat notes.txt"}),
        ToolCall("terminal", {"command": "touch made.txt"}),
    )
)


def routed(world: World, confirm: ConfirmSettings):
    world.provider.script = by_turn([TWO, world.finish(), world.finish()])
    router = world.router(
        settings=RouterSettings(
            dispatch=QUICK, graph=GraphSettings(enabled=False), confirm=confirm
        )
    )
    conversation = routed_conversation(
        router, world.workspace, tools=[Tool(name=TerminalTool.name)], visualizer=None
    )
    world.conversations.append(conversation)
    conversation.send_message("Do it.")
    return conversation


def results(conversation) -> int:
    events = conversation.state.events
    return sum(isinstance(event, ObservationEvent) for event in events)


def test_off_by_default_and_runs_everything(world: World) -> None:
    conversation = routed(world, RouterSettings().confirm)
    conversation.run()
    assert (world.workspace / "made.txt").exists()
    assert conversation.state.security_analyzer is None


@pytest.mark.parametrize("asynchronous", [False, True])
def test_the_queue_of_a_routed_conversation(world: World, asynchronous: bool) -> None:
    conversation = routed(world, ConfirmSettings(enabled=True))
    if asynchronous:
        asyncio.run(conversation.arun())
    else:
        conversation.run()
    assert conversation.state.execution_status is Status.FINISHED
    assert not (world.workspace / "made.txt").exists()
    assert [entry.number for entry in waiting(conversation)] == [1]


def test_a_fork_of_a_routed_agent_asks_too(world: World) -> None:
    """A fork inherits no callbacks; the agent brings them along."""
    conversation = routed(world, ConfirmSettings(enabled=True))
    fork = conversation.fork()
    world.conversations.append(fork)
    assert isinstance(fork.agent, RoutedAgent)
    fork.run()
    assert not (world.workspace / "made.txt").exists()
    approve(fork, 1)


def test_stop_waits_with_the_whole_response_and_run_is_the_yes(world: World) -> None:
    confirm = ConfirmSettings(enabled=True, mode=Mode.STOP)
    conversation = routed(world, confirm)
    conversation.run()
    assert conversation.state.execution_status is Status.WAITING_FOR_CONFIRMATION
    assert results(conversation) == 0
    conversation.run()
    assert (world.workspace / "made.txt").exists()


def test_stop_lets_safe_responses_run_beside_a_plain_model(world: World) -> None:
    world.provider.script = by_turn([world.terminal("ls"), world.finish()])
    conversation = world.conversation(world.agent(world.llm("openai/gpt-4o-mini")))
    wait_for_all(conversation, ConfirmSettings(enabled=True))
    conversation.send_message("Look.")
    conversation.run()
    assert conversation.state.execution_status is Status.FINISHED
    assert results(conversation) == 2


CONFIG = {"tiers": {str(Tier.COMPLEX): "openai/gpt-4o"}}


def test_the_configuration_is_what_the_queue_takes() -> None:
    given = {"enabled": True, "sensitivity": "high", "commands": ["npm test"]}
    config = parse_config({**CONFIG, "confirm": given}, "test")
    assert config.confirm == ConfirmSettings.model_validate(given)
    assert parse_config(CONFIG, "test").confirm == ConfirmSettings()


@pytest.mark.parametrize(
    ("key", "value", "remedy"),
    [
        ("commands", ["pytest; rm x"], "first words"),
        ("readable", ["../lib"], "from / on"),
        ("sensitivity", "paranoid", "low, normal, high"),
        ("mode", "ask", "queue, stop"),
    ],
)
def test_a_bad_value_is_named_with_its_remedy(
    key: str, value: object, remedy: str
) -> None:
    with pytest.raises(ConfigError) as raised:
        parse_config({**CONFIG, "confirm": {key: value}}, "test.toml")
    assert f"confirm.{key}" in str(raised.value)
    assert remedy in str(raised.value)
