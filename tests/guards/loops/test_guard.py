"""The loop guard beside a plain LLM, on real conversations with real tools."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from openhands.sdk import LocalConversation, Tool
from openhands.sdk.conversation.state import ConversationExecutionStatus as Status
from openhands.sdk.event import ObservationEvent
from openhands.tools.file_editor import FileEditorTool
from openhands.tools.terminal import TerminalObservation

from openhands_tiered_router.guards.loops.guard import LoopGuard
from openhands_tiered_router.guards.loops.settings import LoopSettings
from openhands_tiered_router.guards.pausing import pause_reason_of, pause_reasons
from openhands_tiered_router.loopback import Reply, Request, ToolCall
from openhands_tiered_router.record.telemetry.recorder import recorder_for


EDITOR = [Tool(name=FileEditorTool.name)]


def view(world, name: str, **beside: str) -> ToolCall:
    path = str(world.workspace / name)
    return ToolCall("file_editor", {"command": "view", "path": path, **beside})


def always(script: Callable[[int], Reply]) -> Callable[[Request], Reply]:
    return lambda request: script(request.turn)


def talk(world, guard: LoopGuard, tools=EDITOR, **fields) -> LocalConversation:
    agent = world.agent(world.llm("openai/gpt-4o-mini"), tools=tools)
    conversation = world.conversation(agent, callbacks=[guard], **fields)
    conversation.send_message("Look around.")
    return conversation


def held(conversation: LocalConversation) -> str:
    assert conversation.state.execution_status is Status.PAUSED
    (hold,) = pause_reasons(conversation.state)
    assert hold.guard == "loop"
    return hold.reason


def failing(world) -> Callable[[int], Reply]:
    """Every action fails, each another one."""
    return lambda turn: Reply(tool_calls=(view(world, f"no-{turn}.txt"),))


@pytest.mark.parametrize("is_async", [False, True])
async def test_fifteen_failures_in_a_row_pause(world, is_async: bool) -> None:
    world.provider.script = always(failing(world))
    conversation = talk(world, LoopGuard())
    for rounds in (1, 2):
        if is_async:
            await conversation.arun()
        else:
            await asyncio.to_thread(conversation.run)
        assert len(world.provider.requests) == 15 * rounds
        told = held(conversation)
        assert "The last 15 actions failed" in told
        assert "file_editor view" in told


def test_a_success_begins_the_count_anew(world) -> None:
    def script(turn: int) -> Reply:
        name = "notes.txt" if turn == 2 else f"no-{turn}.txt"
        return Reply(tool_calls=(view(world, name),))

    world.provider.script = always(script)
    conversation = talk(world, LoopGuard(LoopSettings(failures=3)))
    conversation.run()
    assert "The last 3 actions failed" in held(conversation)
    assert len(world.provider.requests) == 6


@pytest.mark.parametrize("is_async", [False, True])
async def test_an_agent_that_repeats_for_ever_ends_paused(world, is_async) -> None:
    """It says something else each time, which the SDK's stuck detector goes by."""

    def script(turn: int) -> Reply:
        call = view(world, "notes.txt", summary=f"Look {turn}")
        return Reply(text=f"Once more, {turn}.", tool_calls=(call,))

    world.provider.script = always(script)
    conversation = talk(world, LoopGuard())
    if is_async:
        await conversation.arun()
    else:
        await asyncio.to_thread(conversation.run)
    assert held(conversation).startswith("The same action had the same result 8 times")
    assert len(world.provider.requests) == 8
    assert world.spent(conversation) == pytest.approx(world.provider.total_usd)


def test_going_back_and_forth_is_a_repeat_too(world) -> None:
    def script(turn: int) -> Reply:
        call = view(world, ("notes.txt", "no.txt")[turn % 2])
        return Reply(text=f"Once more, {turn}.", tool_calls=(call,))

    world.provider.script = always(script)
    conversation = talk(world, LoopGuard(LoopSettings(repeats=3)))
    conversation.run()
    assert held(conversation).startswith("The same 2 actions")
    assert len(world.provider.requests) == 6


def changing(world) -> Callable[[int], Reply]:
    """Every action succeeds, each another one."""
    for n in range(40):
        (world.workspace / f"{n}.txt").write_text(str(n))
    return lambda turn: Reply(tool_calls=(view(world, f"{turn % 40}.txt"),))


def test_a_run_has_a_limit_of_turns_and_the_next_gets_as_many(world) -> None:
    world.provider.script = always(changing(world))
    conversation = talk(world, LoopGuard(LoopSettings(turns_per_run=5)))
    for rounds in (1, 2):
        conversation.run()
        assert "It took 5 turns" in held(conversation)
        assert len(world.provider.requests) == 5 * rounds


def test_a_conversation_has_one_over_all_its_runs(world) -> None:
    script = changing(world)
    world.provider.script = always(
        lambda turn: Reply(text="So far.") if turn % 4 == 3 else script(turn)
    )
    conversation = talk(world, LoopGuard(LoopSettings(turns_per_conversation=6)))
    conversation.run()
    assert conversation.state.execution_status is Status.FINISHED
    conversation.send_message("More.")
    conversation.run()
    assert "took 6 turns since the last review" in held(conversation)
    assert len(world.provider.requests) == 6


def test_tool_calls_of_one_answer_are_one_turn(world) -> None:
    changing(world)
    world.provider.script = always(
        lambda turn: Reply(
            tool_calls=(
                view(world, f"{2 * turn}.txt"),
                view(world, f"{2 * turn + 1}.txt"),
            )
        )
    )
    conversation = talk(world, LoopGuard(LoopSettings(turns_per_run=3)))
    conversation.run()
    assert "It took 3 turns" in held(conversation)
    assert len(world.provider.requests) == 3


def test_calls_that_are_no_calls_are_failures(world) -> None:
    world.provider.script = always(
        lambda turn: Reply(tool_calls=(ToolCall("no_such_tool", {"n": turn}),))
    )
    conversation = talk(world, LoopGuard(LoopSettings(failures=3)))
    conversation.run()
    assert "not a valid call" in held(conversation)


def test_answers_without_a_word_are_failures(world) -> None:
    world.provider.script = always(lambda turn: Reply(thinking=f"Hm {turn}."))
    conversation = talk(world, LoopGuard(LoopSettings(failures=3)))
    conversation.run()
    assert "without a word" in held(conversation)


def test_searches_without_a_match_are_no_failures(world) -> None:
    searches = [world.terminal(f"grep needle-{n} notes.txt") for n in range(4)]
    # On a loaded machine the terminal's first answer may be its own set-up.
    turns = [world.terminal("true"), *searches, world.finish()]
    world.provider.script = always(turns.__getitem__)
    guard = LoopGuard(LoopSettings(failures=2))
    fields = world.agent(world.llm("openai/gpt-4o-mini"))
    conversation = world.conversation(fields, callbacks=[guard])
    conversation.send_message("Find the needle.")
    conversation.run()
    assert conversation.state.execution_status is Status.FINISHED
    codes = [
        e.observation.exit_code
        for e in conversation.state.events
        if isinstance(e, ObservationEvent)
        and isinstance(e.observation, TerminalObservation)
    ]
    assert codes[1:] == [1, 1, 1, 1]


def test_a_second_conversation_begins_at_zero(world) -> None:
    world.provider.script = always(failing(world))
    guard = LoopGuard(LoopSettings(failures=4))
    first = talk(world, guard, max_iteration_per_run=3)
    first.run()
    assert first.state.execution_status is Status.ERROR
    second = talk(world, guard)
    second.run()
    assert "The last 4 actions failed" in held(second)
    assert len(world.provider.requests) == 3 + 4


def test_a_resumed_conversation_counts_on(world, tmp_path: Path) -> None:
    """As after a kill: the process ends in mid-run, with nothing said or saved."""
    world.provider.script = always(failing(world))
    settings = LoopSettings(failures=5)
    fields = {"persistence_dir": tmp_path / "kept", "delete_on_close": False}
    first = talk(world, LoopGuard(settings), **fields)
    for _ in range(3):
        with first.state:
            first.agent.step(first, on_event=first._on_event)
    agent = world.agent(world.llm("openai/gpt-4o-mini"), tools=EDITOR)
    again = world.conversation(
        agent, conversation_id=first.id, callbacks=[LoopGuard(settings)], **fields
    )
    again.run()
    assert "The last 5 actions failed" in held(again)
    assert len(world.provider.requests) == 5


def test_a_fork_goes_on_from_where_it_was_taken(world) -> None:
    world.provider.script = always(failing(world))
    settings = LoopSettings(failures=5)
    source = talk(world, LoopGuard(settings))
    for _ in range(3):
        with source.state:
            source.agent.step(source, on_event=source._on_event)
    fork = source.fork()
    world.conversations.append(fork)
    guard = LoopGuard(settings)
    fork._ensure_agent_ready()
    with fork.state:  # the SDK gives a fork none of the callbacks
        for _ in range(2):
            known = len(fork.state.events)
            fork.agent.step(fork, on_event=fork._on_event)
            for event in fork.state.events[known:]:
                guard.see(fork, event)
    (hold,) = [h for e in fork.state.events if (h := pause_reason_of(e))]
    assert "The last 5 actions failed" in hold.reason
    source.run()
    assert "The last 5 actions failed" in held(source)


def test_a_step_back_forgets_what_was_undone(world) -> None:
    world.provider.script = always(failing(world))
    conversation = talk(world, LoopGuard(LoopSettings(failures=3)))
    asked = conversation.state.leaf_event_id
    for _ in range(2):
        with conversation.state:
            conversation.agent.step(conversation, on_event=conversation._on_event)
    conversation.navigate_to(asked)
    conversation.run()
    assert "The last 3 actions failed" in held(conversation)
    assert len(world.provider.requests) == 2 + 3


def test_a_configured_runaway_is_held_and_on_record(world, tmp_path: Path) -> None:
    world.provider.script = always(changing(world))
    recorder = recorder_for(tmp_path / "t.sqlite3")
    guard = LoopGuard(LoopSettings(runaway_turns=4), journal=recorder)
    conversation = talk(world, guard)
    conversation.run()
    assert "This run took 4 turns so far; 4 are held to be many" in held(conversation)
    assert recorder.flush(60)
    import sqlite3

    with sqlite3.connect(tmp_path / "t.sqlite3") as connection:
        rows = connection.execute(
            "SELECT guard, kind, detail FROM guard_events"
        ).fetchall()
    assert [(g, k, json.loads(d)) for g, k, d in rows] == [
        ("loop", "runaway", {"turns": 4, "failures": 0})
    ]
