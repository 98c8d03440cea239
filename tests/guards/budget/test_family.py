"""Whatever a conversation starts is paid from its budget."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest
from openhands.sdk import Tool
from openhands.sdk.conversation.state import ConversationExecutionStatus as Status
from openhands.sdk.llm import Message, TextContent
from openhands.sdk.tool import register_tool
from openhands.tools.preset.default import register_builtins_agents
from openhands.tools.task import TaskToolSet
from openhands.tools.terminal import TerminalTool

from openhands_tiered_router.guards.budget.guard import MaxBudgetReached
from openhands_tiered_router.guards.budget.limits import Budget, Scope, Spend
from openhands_tiered_router.guards.pausing import pause_reasons
from openhands_tiered_router.loopback import Reply, Request, ToolCall, faults
from openhands_tiered_router.loopback.scripts import fixed
from openhands_tiered_router.settings import RouterSettings
from openhands_tiered_router.tiers import Tier
from tests.guards.budget.conftest import books, routed, usd
from tests.routed.conftest import World
from tests.waiting import wait_until


@pytest.fixture(autouse=True)
def _tools() -> None:
    register_tool(TaskToolSet.name, TaskToolSet)
    register_builtins_agents()


def delegating(world: World):
    """A conversation whose first step hands its work to a sub-agent."""

    def script(request: Request) -> Reply:
        if "task" not in request.tools:  # the sub-agent's own turns
            return world.terminal("ls") if request.turn == 0 else world.finish()
        if request.turn == 0:
            arguments = {"prompt": "Look.", "subagent_type": "bash-runner"}
            return Reply(tool_calls=(ToolCall("task", arguments),))
        return world.finish()

    world.provider.script = script
    return [Tool(name=TerminalTool.name), Tool(name=TaskToolSet.name)]


def test_sub_agents_titles_and_questions_count(world) -> None:
    budget = Budget(name="b", usd=5.0)
    router = routed(world, budget)
    agent = world.agent(router, tools=delegating(world))
    conversation = world.conversation(agent, callbacks=router.callbacks())
    conversation.send_message("Delegate.")
    conversation.run()
    assert len(world.provider.charged) == 4
    world.provider.script = fixed("Some notes.")
    assert conversation.generate_title()
    assert conversation.ask_agent("What did you see?")
    now = books(budget, conversation.id)
    assert usd(now.spent.usd) == pytest.approx(world.provider.total_usd, abs=1e-8)
    assert now.parts.keys() == {
        "complex turn",
        "complex sub-agent turn",
        "simple side",
        "complex ask",
    }
    assert now.open.usd == 0


def test_a_sub_agent_stops_at_its_parents_limit(world) -> None:
    router = routed(world, Budget(name="b", turns=2))
    agent = world.agent(router, tools=delegating(world))
    conversation = world.conversation(agent, callbacks=router.callbacks())
    conversation.send_message("Delegate.")
    conversation.run()
    assert len(world.provider.charged) == 2
    assert conversation.state.execution_status is Status.PAUSED
    assert "2 turns of 2 turns" in pause_reasons(conversation.state)[0].reason
    router.raise_budget("b", turns=9)
    conversation.run()
    assert conversation.state.execution_status is Status.FINISHED


async def test_an_interrupted_call_counts_as_estimated(world) -> None:
    world.provider.faults.next(faults.Hang())
    budget = Budget(name="b", usd=5.0)
    router = routed(world, budget)
    conversation = world.conversation(world.agent(router))
    conversation.send_message("Go.")
    run = asyncio.create_task(conversation.arun())
    while not world.provider.requests:
        await asyncio.sleep(0.01)
    conversation.interrupt()
    await run
    assert conversation.state.execution_status is Status.PAUSED
    # Settled by a thread: the loop is not held up.
    await asyncio.to_thread(
        wait_until, lambda: not books(budget, conversation.id).open.usd
    )
    now = books(budget, conversation.id)
    assert now.open.usd == 0
    assert now.spent.usd == now.doubt > 0
    assert now.spent.turns == 0


@pytest.mark.own_fault
@pytest.mark.parametrize("is_async", [False, True])
async def test_a_fault_of_the_budgets_refuses_the_call(
    world, is_async: bool, monkeypatch, caplog
) -> None:
    """A limit that cannot be checked allows nothing."""

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("the prompt")

    monkeypatch.setattr("openhands_tiered_router.sdk.setup.quotes", broken)
    router = routed(world, Budget(name="b", scope=Scope.PROJECT, usd=1.0))
    messages = [Message(role="user", content=[TextContent(text="Hello")])]
    ask = (
        router.acompletion
        if is_async
        else partial(asyncio.to_thread, router.completion)
    )
    with pytest.raises(MaxBudgetReached, match="cannot be checked") as raised:
        await ask(messages)
    assert not world.provider.charged
    assert "budgets failed with ZeroDivisionError" in caplog.text
    assert "the prompt" not in caplog.text + str(raised.value)


def test_what_can_be_paid_must_be_allowed_to_serve(world) -> None:
    """These rules know no caps: what they want cannot be paid, so nothing is sent."""
    budget = Budget(name="b", scope=Scope.PROJECT, usd=5e-4)
    settings = RouterSettings(dispatch=world.quick, budgets=(budget,))
    messages = [Message(role="user", content=[TextContent(text="Hello " * 500)])]
    with pytest.raises(MaxBudgetReached, match="leave simple, which may not serve"):
        world.router(settings=settings).completion(messages)
    assert not world.provider.requests
    assert books(budget).committed == Spend()


@pytest.mark.own_fault
def test_an_answer_that_cannot_be_priced_counts_as_estimated(
    world, monkeypatch, caplog
) -> None:
    budget = Budget(name="b", scope=Scope.PROJECT, usd=1.0)

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("openhands_tiered_router.sdk.flow.cost_of", broken)
    messages = [Message(role="user", content=[TextContent(text="Hello")])]
    routed(world, budget).completion(messages)
    now = books(budget)
    assert now.spent.usd == now.doubt > 0
    assert now.open.usd == 0


def test_budgets_travel_with_a_stored_router(world) -> None:
    budget = Budget(name="b", scope=Scope.DAY, usd=1.0, soft_tier=Tier.SIMPLE)
    stored = routed(world, budget).settings.model_dump_json()
    assert RouterSettings.model_validate_json(stored).budgets == (budget,)
