"""Pausing from inside a callback, on real conversations."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest
from openhands.sdk import LocalConversation
from openhands.sdk.conversation.state import ConversationExecutionStatus as Status
from openhands.sdk.event import ActionEvent, Event, ObservationEvent, PauseEvent

from openhands_tiered_router.guards.guard import Guard
from openhands_tiered_router.guards.pausing import (
    PauseReason,
    notice_of,
    pause,
    pause_reasons,
    tell,
)
from openhands_tiered_router.loopback import Reply


WHY = "There were two commands. Run again to go on."


class HoldsAt(Guard):
    """Holds at the nth event of a kind."""

    name = "test"

    def __init__(self, kind: type[Event], nth: int = 1, again: bool = False) -> None:
        super().__init__()
        self.kind, self.left, self.again = kind, nth, again

    def see(self, conversation: LocalConversation, event: Event) -> None:
        if isinstance(event, self.kind):
            self.left -= 1
            if self.left == 0:
                pause(conversation, self.name, WHY)
                if self.again:
                    pause(conversation, "other", "Also this.")


def talk(world, guard: Guard, **fields) -> LocalConversation:
    llm = world.llm("openai/gpt-4o-mini")
    conversation = world.conversation(world.agent(llm), callbacks=[guard], **fields)
    conversation.send_message("Look around.")
    return conversation


async def go(conversation: LocalConversation, is_async: bool) -> None:
    if is_async:
        await conversation.arun()
    else:
        await asyncio.to_thread(conversation.run)


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("kind", [ActionEvent, ObservationEvent])
async def test_a_hold_in_a_step_ends_the_run_and_the_next_run_goes_on(
    world, is_async: bool, kind: type[Event]
) -> None:
    conversation = talk(world, HoldsAt(kind, 2))
    await go(conversation, is_async)
    assert conversation.state.execution_status is Status.PAUSED
    assert pause_reasons(conversation.state) == (PauseReason("test", WHY),)
    done = [e for e in conversation.state.events if isinstance(e, ObservationEvent)]
    assert len(done) == 2 == len(world.provider.requests)
    await go(conversation, is_async)
    assert conversation.state.execution_status is Status.FINISHED
    assert pause_reasons(conversation.state) == ()


def test_no_model_is_told(world) -> None:
    conversation = talk(world, HoldsAt(ActionEvent, 1))
    conversation.run()
    conversation.run()
    assert len(world.provider.requests) == 5
    assert not any(WHY in str(r.body) for r in world.provider.requests)


def test_all_who_hold_are_named_once(world) -> None:
    conversation = talk(world, HoldsAt(ActionEvent, 1, again=True))
    conversation.run()
    assert pause_reasons(conversation.state) == (
        PauseReason("test", WHY),
        PauseReason("other", "Also this."),
    )
    pauses = [e for e in conversation.state.events if isinstance(e, PauseEvent)]
    assert len(pauses) == 1


def test_the_users_own_pause_is_no_hold(world) -> None:
    guard = HoldsAt(ActionEvent, 1)
    conversation = talk(world, guard)
    conversation.run()
    conversation.run()
    conversation.send_message("More.")
    conversation.pause()
    assert conversation.state.execution_status is Status.PAUSED
    assert pause_reasons(conversation.state) == ()


def test_an_agent_that_finishes_in_that_step_is_finished(world) -> None:
    world.provider.script = lambda _: Reply(text="There is one file.")
    conversation = talk(world, HoldsAt(Event, 3))
    conversation.run()
    assert conversation.state.execution_status is Status.FINISHED
    assert pause_reasons(conversation.state) == ()


def test_a_notice_does_not_pause(world) -> None:
    conversation = talk(world, HoldsAt(PauseEvent))
    tell(conversation, "test", "Half of it is spent.")
    conversation.run()
    assert conversation.state.execution_status is Status.FINISHED
    told = [n for e in conversation.state.events if (n := notice_of(e))]
    assert told == [PauseReason("test", "Half of it is spent.")]
    assert not any("Half of it" in str(r.body) for r in world.provider.requests)


RESUMED = """
import sys
from uuid import UUID
from openhands.sdk import Agent, LLM, LocalConversation, Tool
from openhands.tools.terminal import TerminalTool
from openhands_tiered_router.guards.pausing import pause_reasons

url, workspace, kept, conversation_id = sys.argv[1:]
agent = Agent(
    llm=LLM(model="openai/gpt-4o-mini", base_url=url, api_key="sk-loopback"),
    tools=[Tool(name=TerminalTool.name)],
)
conversation = LocalConversation(
    agent, workspace=workspace, persistence_dir=kept,
    conversation_id=UUID(conversation_id), visualizer=None, delete_on_close=False)
print(pause_reasons(conversation.state))
conversation.run()
print(conversation.state.execution_status, pause_reasons(conversation.state))
"""


@pytest.mark.slow
def test_another_process_knows_why_and_goes_on(world, tmp_path: Path) -> None:
    kept, conversation_id = tmp_path / "kept", uuid4()
    conversation = talk(
        world,
        HoldsAt(ActionEvent, 2),
        persistence_dir=kept,
        conversation_id=conversation_id,
        delete_on_close=False,
    )
    conversation.run()
    conversation.close()
    url = world.provider.base_url + "/v1"
    arguments = [url, world.workspace, kept, str(conversation_id)]
    result = subprocess.run(
        [sys.executable, "-c", RESUMED, *arguments],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "LOG_LEVEL": "ERROR"},
    )
    first, last = result.stdout.strip().splitlines()[-2:]
    assert first == str((PauseReason("test", WHY),))
    assert last == "ConversationExecutionStatus.FINISHED ()"


def test_one_guard_serves_several_conversations(world) -> None:
    seen: list[object] = []

    class Notes(Guard):
        name = "notes"

        def see(self, conversation: LocalConversation, event: Event) -> None:
            if isinstance(event, ActionEvent):
                seen.append(conversation.id)

    guard = Notes()
    both = [talk(world, guard), talk(world, guard)]
    for conversation in both:
        conversation.run()
    assert set(seen) == {c.id for c in both}
    assert len(seen) == 10


def test_a_guard_that_raises_does_not_end_the_run(world, caplog) -> None:
    class Broken(Guard):
        name = "broken"

        def see(self, conversation: LocalConversation, event: Event) -> None:
            raise RuntimeError("sk-secret")

    conversation = talk(world, Broken())
    conversation.run()
    assert conversation.state.execution_status is Status.FINISHED
    faults = [r.getMessage() for r in caplog.records if "broken" in r.getMessage()]
    assert faults == [
        "guard broken: it failed with RuntimeError and let the event pass"
    ]
    caplog.clear()


def test_what_a_model_wrote_cannot_act_on_the_terminal(world) -> None:
    """A reason names commands and paths that the model chose."""
    conversation = world.conversation(world.agent(world.llm("openai/gpt-4o-mini")))
    hostile = "ls \x1b[2J\x1b]0;title\x07 \u202etxt.exe\r\nNext line."
    tell(conversation, "test", hostile)
    pause(conversation, "test", hostile)
    (hold,) = pause_reasons(conversation.state)
    told = [n for e in conversation.state.events if (n := notice_of(e))]
    for said in (hold, *told):
        assert said.reason == (
            "ls \\x1b[2J\\x1b]0;title\\x07 \\u202etxt.exe\\r\nNext line."
        )
    assert len(told) == 1
