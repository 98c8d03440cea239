"""Guards inside the agent: where a conversation has no callbacks, and only there."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from pathlib import Path

import pytest
from openhands.sdk import LocalConversation, Tool
from openhands.sdk.conversation.state import ConversationExecutionStatus as Status
from openhands.sdk.event import ActionEvent, Event
from openhands.tools.file_editor import FileEditorTool

from openhands_tiered_router import RoutedAgent
from openhands_tiered_router.guards.guard import Guard
from openhands_tiered_router.guards.loops.guard import LoopGuard
from openhands_tiered_router.guards.loops.settings import LoopSettings
from openhands_tiered_router.guards.pausing import pause_reasons
from openhands_tiered_router.loopback import Reply, ToolCall
from openhands_tiered_router.policy.rules import RULES
from openhands_tiered_router.record.telemetry.query import TelemetryFile
from openhands_tiered_router.settings import RouterSettings


EDITOR = [Tool(name=FileEditorTool.name)]


@pytest.fixture
def failing(world):
    """A world whose models only do what fails."""

    def script(request):
        path = str(world.workspace / f"no-{request.turn}.txt")
        call = ToolCall("file_editor", {"command": "view", "path": path})
        return Reply(tool_calls=(call,))

    world.provider.script = script
    return world


def routed(world, failures: int = 4):
    loops = LoopSettings(failures=failures)
    settings = RouterSettings(dispatch=world.quick, loops=loops)
    return world.router(world.unrated, settings=settings)


def talk(world, router, **fields) -> LocalConversation:
    agent = world.agent(router, RoutedAgent, tools=EDITOR)
    conversation = world.conversation(agent, **fields)
    conversation.send_message("Look around.")
    return conversation


async def run(conversation: LocalConversation, is_async: bool = False) -> None:
    if is_async:
        await conversation.arun()
    else:
        await asyncio.to_thread(conversation.run)


def reasons(conversation: LocalConversation) -> list[str]:
    assert conversation.state.execution_status is Status.PAUSED
    return [reason.reason for reason in pause_reasons(conversation.state)]


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("with_callbacks", [False, True])
async def test_a_routed_agent_is_guarded_once(
    failing, is_async: bool, with_callbacks: bool, tmp_path: Path
) -> None:
    router = routed(failing)
    callbacks = router.callbacks() if with_callbacks else []
    conversation = talk(failing, router, callbacks=callbacks)
    await run(conversation, is_async)
    (reason,) = reasons(conversation)
    assert "The last 4 actions failed" in reason
    assert len(failing.provider.requests) == 4
    await run(conversation, is_async)
    assert len(reasons(conversation)) == 1
    assert len(failing.provider.requests) == 8
    assert router.recorder.flush(60)
    turns = TelemetryFile(tmp_path / "telemetry.sqlite3").turns(str(conversation.id))
    assert [len(turn.tools) for turn in turns] == [1] * 8


def test_resuming_does_not_guard_twice(failing, tmp_path: Path) -> None:
    """No event comes before the first step of a conversation that just goes on."""
    fields = {"persistence_dir": tmp_path / "kept", "delete_on_close": False}
    first = talk(failing, routed(failing), max_iteration_per_run=2, **fields)
    first.run()
    router = routed(failing)
    again = failing.conversation(
        failing.agent(router, RoutedAgent, tools=EDITOR),
        conversation_id=first.id,
        callbacks=router.callbacks(),
        **fields,
    )
    again.run()
    assert len(reasons(again)) == 1


def test_a_fork_is_guarded_from_where_it_was_taken(failing) -> None:
    router = routed(failing)
    source = talk(failing, router, callbacks=router.callbacks())
    with source.state:
        for _ in range(2):
            source.agent.step(source, on_event=source._on_event)
    fork = source.fork()
    failing.conversations.append(fork)
    fork.run()
    (reason,) = reasons(fork)
    assert "The last 4 actions failed" in reason
    assert len(failing.provider.requests) == 4
    assert pause_reasons(source.state) == ()


def test_the_users_own_guard_goes_before_the_configured_one(failing) -> None:
    own = LoopGuard(LoopSettings(failures=6))
    conversation = talk(failing, routed(failing), callbacks=[own])
    conversation.run()
    (reason,) = reasons(conversation)
    assert "The last 6 actions failed" in reason


def test_a_guard_of_the_agents_that_raises_does_not_end_the_run(
    world, monkeypatch, caplog
) -> None:
    class Broken(Guard):
        name = "broken"

        def see(self, conversation: LocalConversation, event: Event) -> None:
            raise RuntimeError("sk-secret")

    monkeypatch.setattr(
        "openhands_tiered_router.router.watchers", lambda *_: [Broken()]
    )
    router = world.router()
    conversation = world.conversation(world.agent(router, RoutedAgent))
    conversation.send_message("Look around.")
    conversation.run()
    assert conversation.state.execution_status is Status.FINISHED
    told = [r.getMessage() for r in caplog.records if "broken" in r.getMessage()]
    assert told == ["guard broken: it failed with RuntimeError and let the event pass"]
    caplog.clear()


def test_an_agent_that_is_stored_keeps_its_limits(failing) -> None:
    agent = failing.agent(routed(failing, failures=3), RoutedAgent, tools=EDITOR)
    stored = json.loads(agent.model_dump_json(context={"expose_secrets": True}))
    conversation = failing.conversation(RoutedAgent.model_validate(stored))
    conversation.send_message("Look around.")
    conversation.run()
    (reason,) = reasons(conversation)
    assert "The last 3 actions failed" in reason


def test_the_floor_rises_before_the_pause(failing) -> None:
    """One truth: what the guard pauses for has made the engine ask for more before."""
    router = routed(failing).with_rules(RULES)
    conversation = talk(failing, router, callbacks=router.callbacks())
    conversation.run()
    calls = router.calls(conversation.id)
    floors = Counter(str(call.decision.floor) for call in calls)
    assert floors == {"None": 2, "complex": 2}
    actions = [e for e in conversation.state.events if isinstance(e, ActionEvent)]
    assert len(actions) == 4
