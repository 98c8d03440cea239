"""The SDK's books equal the provider's bill, wherever the SDK uses an ``LLM``."""

from __future__ import annotations

import asyncio
import threading

import pytest
from openhands.sdk import Tool
from openhands.sdk.context.condenser import LLMSummarizingCondenser
from openhands.sdk.event import Condensation
from openhands.sdk.hooks import HookConfig
from openhands.sdk.llm import Message, TextContent
from openhands.sdk.tool import register_tool
from openhands.tools.preset.default import register_builtins_agents
from openhands.tools.task import TaskToolSet
from openhands.tools.terminal import TerminalTool

from openhands_tiered_router.loopback import Reply, Request, ToolCall
from openhands_tiered_router.loopback.scripts import by_turn, fixed


def assert_exact(world, conversation) -> None:
    assert world.provider.total_usd > 0
    assert world.spent(conversation) == pytest.approx(
        world.provider.total_usd, rel=1e-12
    )


def test_run(world) -> None:
    router = world.router()
    conversation = world.conversation(world.agent(router))
    conversation.send_message("Look around.")
    conversation.run()
    assert world.tiers(router, conversation) == [
        "complex",
        "simple",
        "simple",
        "complex",
        "simple",
    ]
    assert_exact(world, conversation)
    recorded = [call.outcome.cost for call in router.calls(conversation.id)]
    assert recorded == pytest.approx([c.usd for c in world.provider.charged])


async def test_arun(world) -> None:
    router = world.router()
    conversation = world.conversation(world.agent(router))
    conversation.send_message("Look around.")
    await conversation.arun()
    assert world.tiers(router, conversation).count("simple") == 3
    assert_exact(world, conversation)


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_streaming(world, asynchronous: bool) -> None:
    chunks: list[object] = []
    router = world.router(llm_fields={"stream": True})
    conversation = world.conversation(
        world.agent(router), token_callbacks=[chunks.append]
    )
    conversation.send_message("Look around.")
    if asynchronous:
        await conversation.arun()
    else:
        await asyncio.to_thread(conversation.run)
    assert all(request.stream for request in world.provider.requests)
    assert chunks
    assert_exact(world, conversation)
    calls = router.calls(conversation.id)
    assert all(call.outcome.first_token_seconds is not None for call in calls)


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_responses_api_tier(world, asynchronous: bool) -> None:
    models = {**world.models, "complex": "openai/gpt-5-codex"}
    conversation = world.conversation(world.agent(world.router(models)))
    conversation.send_message("Look around.")
    if asynchronous:
        await conversation.arun()
    else:
        await asyncio.to_thread(conversation.run)
    wires = [str(request.wire) for request in world.provider.requests]
    assert wires == ["responses", "chat", "chat", "responses", "chat"]
    assert_exact(world, conversation)


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_condenser(world, asynchronous: bool) -> None:
    turns = [world.terminal(f"echo {i}") for i in range(8)]
    world.provider.script = _until_done([*turns, world.finish()])
    router = world.router()
    condenser = LLMSummarizingCondenser(
        llm=router.model_copy(update={"usage_id": "condenser"}),
        max_size=8,
        keep_first=2,
    )
    agent = world.agent(router, condenser=condenser)
    conversation = world.conversation(agent)
    conversation.send_message("Count.")
    if asynchronous:
        await conversation.arun()
    else:
        await asyncio.to_thread(conversation.run)
    assert any(isinstance(e, Condensation) for e in conversation.state.events)
    side = [c for c in router.calls(conversation.id) if c.purpose == "side"]
    assert side
    assert {str(c.decision.tier) for c in side} == {"simple"}
    assert_exact(world, conversation)


def test_condenser_copy_with_reset_books(world) -> None:
    """As ``CondenserSettings.build_condenser`` makes it."""
    world.provider.script = _until_done(
        [*(world.terminal(f"echo {i}") for i in range(8)), world.finish()]
    )
    router = world.router()
    copied = router.model_copy(update={"usage_id": "condenser"})
    copied.reset_metrics()
    condenser = LLMSummarizingCondenser(llm=copied, max_size=8, keep_first=2)
    conversation = world.conversation(world.agent(router, condenser=condenser))
    conversation.send_message("Count.")
    conversation.run()
    assert any(isinstance(e, Condensation) for e in conversation.state.events)
    assert_exact(world, conversation)


def test_title_and_ask_agent(world) -> None:
    router = world.router()
    conversation = world.conversation(world.agent(router))
    conversation.send_message("Look around.")
    conversation.run()
    world.provider.script = fixed("Some notes.")
    assert conversation.generate_title()
    assert conversation.ask_agent("What did you see?")
    assert conversation.ask_agent("And what else?")
    purposes = [str(c.purpose) for c in router.calls(conversation.id)]
    assert purposes[-3:] == ["side", "ask", "ask"]
    assert_exact(world, conversation)


def test_sub_agent(world) -> None:
    def script(request: Request) -> Reply:
        if "task" not in request.tools:  # the sub-agent's own turns
            return world.terminal("ls") if request.turn == 0 else world.finish()
        if request.turn == 0:
            arguments = {"prompt": "Look.", "subagent_type": "bash-runner"}
            return Reply(tool_calls=(ToolCall("task", arguments),))
        return world.finish()

    world.provider.script = script
    register_tool(TaskToolSet.name, TaskToolSet)
    register_builtins_agents()
    tools = [Tool(name=TerminalTool.name), Tool(name=TaskToolSet.name)]
    router = world.router()
    conversation = world.conversation(world.agent(router, tools=tools))
    conversation.send_message("Delegate.")
    conversation.run()
    assert len(world.provider.charged) == 4
    assert_exact(world, conversation)


def test_prompt_hook(world) -> None:
    hooks = HookConfig.model_validate(
        {
            "pre_tool_use": [
                {"matcher": "*", "hooks": [{"type": "prompt", "prompt": "Is it safe?"}]}
            ]
        }
    )
    turns = [world.terminal("ls"), world.finish()]
    world.provider.script = by_turn(turns, side='{"decision": "allow"}')
    conversation = world.conversation(world.agent(world.router()), hook_config=hooks)
    conversation.send_message("Look.")
    conversation.run()
    assert len(world.provider.charged) > 2
    assert_exact(world, conversation)


def test_fork_of_a_stock_agent_is_its_default_tier(world) -> None:
    """The SDK stores ``Agent.llm`` as a plain ``LLM``: what remains must work."""
    conversation = world.conversation(world.agent(world.router()))
    conversation.send_message("Look around.")
    conversation.run()
    fork = conversation.fork()
    world.conversations.append(fork)
    calls = len(world.provider.requests)
    world.provider.script = _fresh_turns(world)
    fork.send_message("Again.")
    fork.run()
    models = {request.model for request in world.provider.requests[calls:]}
    assert models == {"claude-sonnet-4-5"}


@pytest.mark.slow
def test_three_conversations_on_threads(world) -> None:
    router = world.router()
    agents = [world.agent(router.model_copy(update={"usage_id": n})) for n in "abc"]
    conversations = [world.conversation(agent) for agent in agents]
    threads = []
    for conversation in conversations:
        conversation.send_message("Look around.")
        threads.append(threading.Thread(target=conversation.run))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    _assert_own_calls(world, router, conversations)


async def test_three_conversations_on_one_loop(world) -> None:
    router = world.router()
    agents = [world.agent(router.model_copy(update={"usage_id": n})) for n in "abc"]
    conversations = [world.conversation(agent) for agent in agents]
    for conversation in conversations:
        conversation.send_message("Look around.")
    await asyncio.gather(*(c.arun() for c in conversations))
    _assert_own_calls(world, router, conversations)


def test_direct_calls(world) -> None:
    router = world.router()
    message = Message(role="user", content=[TextContent(text="Hello")])
    for entry in (router.generate, router.completion, router.responses):
        entry([message])
    assert router.metrics.accumulated_cost == pytest.approx(world.provider.total_usd)


async def test_direct_calls_async(world) -> None:
    router = world.router()
    message = Message(role="user", content=[TextContent(text="Hello")])
    for entry in (router.agenerate, router.acompletion, router.aresponses):
        await entry([message])
    assert len(world.provider.charged) == 3
    assert router.metrics.accumulated_cost == pytest.approx(world.provider.total_usd)


def _assert_own_calls(world, router, conversations) -> None:
    total = sum(world.spent(c) for c in conversations)
    assert total == pytest.approx(world.provider.total_usd, rel=1e-12)
    for conversation in conversations:
        sent = [
            request.model
            for request in world.provider.requests
            if request.session == str(conversation.id)
        ]
        decided = [c.outcome.endpoint for c in router.calls(conversation.id)]
        names = {key: model.partition("/")[2] for key, model in world.models.items()}
        assert sent == [names[key] for key in decided]
        assert len(sent) == 5


def _until_done(turns: list[Reply]):
    """The next reply at each call with tools: condensation shortens the history."""
    left = iter(turns)

    def script(request: Request) -> Reply:
        return next(left) if request.tools else Reply(text="A summary.")

    return script


def _fresh_turns(world):
    return _until_done(world.look_around())
