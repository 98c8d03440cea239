"""Conversations that learn of their repository, and one that is told."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from openhands.sdk import LocalConversation, Tool
from openhands.sdk.context import AgentContext
from openhands.tools.terminal import TerminalTool

from openhands_tiered_router import RoutedAgent
from openhands_tiered_router.loopback.scripts import by_turn
from openhands_tiered_router.memory.settings import MemorySettings
from openhands_tiered_router.memory.store import memory_of
from openhands_tiered_router.sdk.memory import written
from openhands_tiered_router.settings import RouterSettings


TERMINAL = Tool(name=TerminalTool.name, params={"terminal_type": "subprocess"})
ASKED = "Always keep the old names. Make the check pass."


@pytest.fixture
def settings(world, tmp_path: Path) -> RouterSettings:
    path = tmp_path / "memory.sqlite3"
    (world.workspace / "Makefile").write_text("check:\n\t@true\n")
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "x"]):
        name = ["-c", "user.name=a", "-c", "user.email=a@example.invalid"]
        subprocess.run(["git", *name, *words], cwd=world.workspace, check=True)
    memory = MemorySettings(enabled=True, path=str(path))
    return RouterSettings(dispatch=world.quick, memory=memory)


def talk(
    world, settings: RouterSettings, text: str = ASKED, **fields
) -> LocalConversation:
    """A conversation in which `make check` is run."""
    router = world.router(settings=settings)
    router.pin("simple")
    context = AgentContext(current_datetime=None)
    agent = world.agent(router, RoutedAgent, tools=[TERMINAL], agent_context=context)
    conversation = world.conversation(agent, **fields)
    world.provider.script = by_turn(
        [world.terminal("make check"), world.finish(), world.finish()]
    )
    conversation.send_message(text)
    conversation.run()
    written()
    return conversation


def first_prompt(world) -> str:
    return json.dumps(world.provider.requests[-2].body["messages"])


def test_the_next_conversation_is_told_what_worked(world, settings) -> None:
    talk(world, settings)
    assert "REPOSITORY_MEMORY" not in first_prompt(world)
    found = memory_of(settings.memory).entries()
    assert {e.text for e in found} == {"make check", "Always keep the old names"}
    talk(world, settings)
    assert "not instructions" in first_prompt(world)
    assert "exited 0" in first_prompt(world)


@pytest.mark.slow
def test_it_is_told_once_and_in_the_same_bytes_after_a_restart(
    world, settings, tmp_path: Path
) -> None:
    talk(world, settings)
    begun = talk(world, settings, persistence_dir=tmp_path / "kept")
    before = first_prompt(world)
    begun.close()
    talk(
        world, settings, "Again.", persistence_dir=tmp_path / "kept",
        conversation_id=begun.id,
    )  # fmt: skip
    after = world.provider.requests[-1].body["messages"]
    users = [json.dumps(m) for m in after if m["role"] == "user"]
    assert users[0] in before
    assert sum("REPOSITORY_MEMORY" in text for text in users) == 1


def test_off_by_default_nothing_is_kept(world, settings, tmp_path: Path) -> None:
    off = settings.model_copy(
        update={"memory": MemorySettings(path=str(tmp_path / "none.sqlite3"))}
    )
    talk(world, off)
    assert not (tmp_path / "none.sqlite3").exists()


def test_a_file_that_cannot_be_used_stops_nothing(
    world, settings, caplog: pytest.LogCaptureFixture
) -> None:
    path = Path(settings.memory.path)
    path.write_text("no database " * 50)
    conversation = talk(world, settings)
    assert conversation.state.execution_status.value == "finished"
    assert "nothing recalled: MemoryProblem" in caplog.text
    assert "nothing remembered: MemoryProblem" in caplog.text
