"""Real conversations in which some actions wait for a yes and the others run."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from openhands.sdk import LLM, LocalConversation, Tool
from openhands.sdk.conversation.state import ConversationExecutionStatus as Status
from openhands.sdk.event import (
    ActionEvent,
    Event,
    ObservationEvent,
    UserRejectObservation,
)
from openhands.tools.file_editor import FileEditorTool
from openhands.tools.terminal import TerminalObservation, TerminalTool

from openhands_tiered_router.guards.confirm import queue
from openhands_tiered_router.guards.confirm.queue import (
    ConfirmationQueue,
    approve,
    describe,
    reject,
    waiting,
)
from openhands_tiered_router.guards.confirm.settings import (
    ConfirmSettings,
    Sensitivity,
)
from openhands_tiered_router.loopback import Reply, ToolCall
from openhands_tiered_router.loopback.scripts import by_turn
from tests.routed.conftest import World


ON = ConfirmSettings(enabled=True)
TOUCH = "touch made.txt"
TOOLS = [Tool(name=TerminalTool.name), Tool(name=FileEditorTool.name)]


def calls(*commands: str) -> Reply:
    """One response with several terminal calls."""
    return Reply(
        tool_calls=tuple(ToolCall("terminal", {"command": c}) for c in commands)
    )


def start(
    world: World,
    replies: Sequence[Reply],
    settings: ConfirmSettings = ON,
    llm: LLM | None = None,
    more: Sequence[Callable[[Event], None]] = (),
    **options: Any,
) -> LocalConversation:
    world.provider.script = by_turn(list(replies))
    agent = world.agent(llm or world.llm("openai/gpt-4o-mini"), tools=TOOLS)
    callbacks = [ConfirmationQueue(settings), *more]
    conversation = world.conversation(agent, callbacks=callbacks, **options)
    conversation.send_message("Do it.")
    return conversation


def run(conversation: LocalConversation, asynchronous: bool) -> None:
    if asynchronous:
        asyncio.run(conversation.arun())
    else:
        conversation.run()


def ran(conversation: LocalConversation) -> list[str]:
    """The commands that have a result."""
    observations = [
        e.observation
        for e in conversation.state.events
        if isinstance(e, ObservationEvent)
    ]
    return [o.command or "" for o in observations if isinstance(o, TerminalObservation)]


@pytest.mark.parametrize("asynchronous", [False, True])
def test_the_safe_ones_run_and_the_other_waits(
    world: World, asynchronous: bool
) -> None:
    replies = [calls("cat notes.txt", TOUCH, "ls"), world.finish()]
    conversation = start(world, replies)
    run(conversation, asynchronous)
    assert conversation.state.execution_status is Status.FINISHED
    assert ran(conversation) == ["cat notes.txt", "ls"]
    assert not (world.workspace / "made.txt").exists()
    (entry,) = waiting(conversation)
    assert entry.number == 1
    assert TOUCH in describe(conversation, entry)
    (answer,) = [
        e for e in conversation.state.events if isinstance(e, UserRejectObservation)
    ]
    assert "waits for the user's yes (number 1)" in answer.rejection_reason


@pytest.mark.parametrize("asynchronous", [False, True])
def test_after_a_yes_the_action_runs_once(world: World, asynchronous: bool) -> None:
    replies = [
        *(world.terminal(TOUCH), world.finish()),
        *(world.terminal(TOUCH), world.terminal(TOUCH), world.finish()),
    ]
    conversation = start(world, replies)
    run(conversation, asynchronous)
    approve(conversation, 1)
    assert waiting(conversation) == ()
    run(conversation, asynchronous)
    assert (world.workspace / "made.txt").exists()
    # The third proposal is a new question: a yes is for one time.
    assert [e.number for e in waiting(conversation)] == [1]
    told = world.provider.requests[2].body["messages"][-1]
    assert "said yes" in str(told)
    assert TOUCH in str(told)


def test_what_waits_is_not_asked_twice(world: World) -> None:
    replies = [world.terminal(TOUCH), world.terminal(TOUCH), world.finish()]
    conversation = start(world, replies)
    conversation.run()
    assert len(waiting(conversation)) == 1
    assert not (world.workspace / "made.txt").exists()


def test_after_a_no_it_is_refused(world: World) -> None:
    replies = [
        *(world.terminal(TOUCH), world.finish()),
        *(world.terminal(TOUCH), world.finish()),
    ]
    conversation = start(world, replies)
    conversation.run()
    reject(conversation, 1)
    conversation.run()
    assert waiting(conversation) == ()
    assert not (world.workspace / "made.txt").exists()
    last = [
        e for e in conversation.state.events if isinstance(e, UserRejectObservation)
    ][-1]
    assert "said no" in last.rejection_reason


def test_a_number_that_does_not_wait_is_an_error(world: World) -> None:
    conversation = start(world, [world.finish()])
    with pytest.raises(KeyError, match="number 7"):
        approve(conversation, 7)


def test_edits_go_on_and_sensitive_ones_wait(world: World) -> None:
    def create(name: str) -> ToolCall:
        path = str(world.workspace / name)
        arguments = {"command": "create", "path": path, "file_text": "os.system('x')"}
        return ToolCall("file_editor", arguments)

    names = ("a.py", "migrations/1.py", ".git/hooks/pre-commit", "../out.py")
    (world.workspace / "migrations").mkdir()
    replies = [Reply(tool_calls=tuple(map(create, names))), world.finish()]
    settings = ON.model_copy(update={"sensitive_paths": ("migrations/*",)})
    conversation = start(world, replies, settings)
    conversation.run()
    assert (world.workspace / "a.py").exists()
    assert not (world.workspace / "migrations/1.py").exists()
    assert [e.level for e in waiting(conversation)] == [2, 3, 3]


def test_low_sensitivity_asks_before_high_risk_only(world: World) -> None:
    replies = [calls(TOUCH, "rm -rf /"), world.finish()]
    settings = ON.model_copy(update={"sensitivity": Sensitivity.LOW})
    conversation = start(world, replies, settings)
    conversation.run()
    assert (world.workspace / "made.txt").exists()
    assert [e.level for e in waiting(conversation)] == [3]


def test_a_resumed_and_a_forked_conversation_know_what_waits(
    world: World, tmp_path: Path
) -> None:
    kept = tmp_path / "kept"
    replies = [
        *(world.terminal(TOUCH), world.finish()),
        *(world.terminal(TOUCH), world.finish()),
    ]
    first = start(world, replies, persistence_dir=str(kept))
    first.run()
    fork = first.fork()
    world.conversations.append(fork)
    assert waiting(fork) == waiting(first)
    first.close()
    again = world.conversation(
        world.agent(world.llm("openai/gpt-4o-mini"), tools=TOOLS),
        callbacks=[ConfirmationQueue(ON)],
        persistence_dir=str(kept),
        conversation_id=first.id,
    )
    assert [e.number for e in waiting(again)] == [1]
    approve(again, 1)
    again.run()
    assert (world.workspace / "made.txt").exists()


def test_a_crash_while_an_action_was_being_set_aside_does_not_run_it(
    world: World, tmp_path: Path
) -> None:
    """Its event is on disk then, the block is not."""
    kept, copy = tmp_path / "kept", tmp_path / "copy"

    def crash(event: Event) -> None:
        if isinstance(event, ActionEvent) and not copy.exists():
            shutil.copytree(kept, copy)

    first = start(
        world,
        [world.terminal(TOUCH), world.finish()],
        more=[crash],
        persistence_dir=str(kept),
    )
    first.run()
    again = world.conversation(
        world.agent(world.llm("openai/gpt-4o-mini"), tools=TOOLS),
        callbacks=[ConfirmationQueue(ON)],
        persistence_dir=str(copy),
        conversation_id=first.id,
    )
    assert [type(e) for e in again.state.events][-1] is ActionEvent
    assert waiting(again) == ()
    again.run()
    assert [e.number for e in waiting(again)] == [1]
    assert not (world.workspace / "made.txt").exists()


def test_a_judge_that_fails_holds_the_action_back(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("secret text")

    monkeypatch.setattr(
        "openhands_tiered_router.guards.confirm.actions.judge_command", fail
    )
    conversation = start(world, [world.terminal("ls"), world.finish()])
    conversation.run()
    assert conversation.state.execution_status is Status.FINISHED
    assert [e.level for e in waiting(conversation)] == [3]
    assert "RuntimeError" in caplog.text
    assert "secret text" not in caplog.text


def test_a_full_queue_takes_no_more_and_loses_no_yes(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "_KEPT", 2)
    first, second, third = (f"touch {name}.txt" for name in "abc")
    replies = [
        *(calls(first, second, third), world.finish()),
        *(calls(third), calls(first), world.finish()),
    ]
    conversation = start(world, replies)
    conversation.run()
    assert [e.number for e in waiting(conversation)] == [1, 2]
    refused = [
        e.rejection_reason
        for e in conversation.state.events
        if isinstance(e, UserRejectObservation)
    ]
    assert "2 others wait" in refused[-1]

    approve(conversation, 1)
    reject(conversation, 2)  # makes room for the third, which the yes does not
    conversation.run()
    assert [e.number for e in waiting(conversation)] == [3]
    assert (world.workspace / "a.txt").exists()
    assert not (world.workspace / "c.txt").exists()


def test_a_yes_that_is_not_used_can_be_taken_back(world: World) -> None:
    replies = [world.terminal(TOUCH), world.finish(), world.terminal(TOUCH)]
    conversation = start(world, [*replies, world.finish()])
    conversation.run()
    approve(conversation, 1)
    with pytest.raises(KeyError, match="number 1"):
        approve(conversation, 1)
    reject(conversation, 1)
    with pytest.raises(KeyError, match="number 1"):
        reject(conversation, 1)
    conversation.run()
    assert not (world.workspace / "made.txt").exists()
    assert waiting(conversation) == ()
