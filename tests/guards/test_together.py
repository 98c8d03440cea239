"""All guards in one routed conversation, and what a kill leaves of them."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest
from openhands.sdk import Tool
from openhands.sdk.conversation.state import ConversationExecutionStatus as Status
from openhands.sdk.event import UserRejectObservation
from openhands.tools.file_editor import FileEditorTool

from openhands_tiered_router import routed_conversation
from openhands_tiered_router.guards.budget.limits import Budget
from openhands_tiered_router.guards.confirm.settings import ConfirmSettings
from openhands_tiered_router.guards.loops.guard import LoopGuard
from openhands_tiered_router.guards.loops.settings import LoopSettings
from openhands_tiered_router.guards.pausing import (
    notice_of,
    pause_reason_of,
    pause_reasons,
)
from openhands_tiered_router.guards.verify.settings import VerifySettings
from openhands_tiered_router.loopback import Reply, ToolCall
from openhands_tiered_router.settings import RouterSettings


def view(world, name: str) -> Reply:
    path = str(world.workspace / name)
    return Reply(
        tool_calls=(ToolCall("file_editor", {"command": "view", "path": path}),)
    )


@pytest.mark.parametrize("is_async", [False, True])
async def test_each_does_its_part(world, is_async: bool) -> None:
    subprocess.run(["git", "init", "-q", world.workspace], check=True)
    settings = RouterSettings(
        dispatch=world.quick,
        budgets=(Budget(name="run", turns=6, soft=0.5),),
        loops=LoopSettings(failures=3),
        confirm=ConfirmSettings(enabled=True),
        verify=VerifySettings(enabled=True, rounds=0),
    )
    router = world.router(settings=settings)
    conversation = routed_conversation(router, world.workspace, visualizer=None)
    world.conversations.append(conversation)
    turns = [
        world.terminal("rm -rf notes.txt"),
        *(view(world, f"no-{n}.txt") for n in range(3)),
        view(world, "notes.txt"),
        world.finish(),
    ]
    world.provider.script = lambda request: (
        turns[request.turn] if request.tools else Reply(text="Files")
    )
    conversation.send_message("Tidy up.")

    async def run() -> None:
        await (conversation.arun() if is_async else asyncio.to_thread(conversation.run))

    await run()
    events = conversation.state.events
    (refused,) = [e for e in events if isinstance(e, UserRejectObservation)]
    assert "waits for the user's yes" in refused.rejection_reason
    assert (world.workspace / "notes.txt").exists()
    assert [reason.guard for reason in pause_reasons(conversation.state)] == ["loop"]
    await run()
    assert conversation.state.execution_status is Status.FINISHED
    said = [n.guard for e in events if (n := notice_of(e))]
    assert said == ["budget", "verify"]
    assert [h.guard for e in events if (h := pause_reason_of(e))] == ["loop"]
    assert len([r for r in world.provider.requests if r.tools]) == 6


ENDLESS = """
import sys
from uuid import UUID
from openhands.sdk import Agent, LLM, LocalConversation, Tool
from openhands.tools.file_editor import FileEditorTool
from openhands_tiered_router.guards import LoopGuard, LoopSettings

url, workspace, kept, conversation_id = sys.argv[1:]
agent = Agent(
    llm=LLM(model="openai/gpt-4o-mini", base_url=url, api_key="sk-loopback"),
    tools=[Tool(name=FileEditorTool.name)],
)
conversation = LocalConversation(
    agent, workspace=workspace, persistence_dir=kept, visualizer=None,
    conversation_id=UUID(conversation_id), delete_on_close=False,
    callbacks=[LoopGuard(LoopSettings(failures=6))])
conversation.send_message("Look around.")
conversation.run()
"""


@pytest.mark.slow
def test_what_was_counted_survives_a_kill(world, tmp_path: Path) -> None:
    """Killed while it waits for the fifth answer; four actions have failed by then."""
    children: list[subprocess.Popen[bytes]] = []

    def script(request):
        if request.number == 5:
            os.kill(children[0].pid, signal.SIGKILL)
        return view(world, f"no-{request.number}.txt")

    world.provider.script = script
    kept, conversation_id = tmp_path / "kept", uuid4()
    url = world.provider.base_url + "/v1"
    arguments = [url, world.workspace, kept, str(conversation_id)]
    children.append(
        subprocess.Popen(
            [sys.executable, "-c", ENDLESS, *arguments],
            env={**os.environ, "LOG_LEVEL": "ERROR"},
        )
    )
    assert children[0].wait() == -signal.SIGKILL
    llm = world.llm("openai/gpt-4o-mini")
    again = world.conversation(
        world.agent(llm, tools=[Tool(name=FileEditorTool.name)]),
        persistence_dir=kept,
        conversation_id=conversation_id,
        delete_on_close=False,
        callbacks=[LoopGuard(LoopSettings(failures=6))],
    )
    again.run()
    (hold,) = pause_reasons(again.state)
    assert "The last 6 actions failed" in hold.reason
    assert len(world.provider.requests) == 5 + 2
