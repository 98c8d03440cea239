"""What is said in a conversation is on record where it is asked for, and no secret."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from openhands.sdk import Tool
from openhands.sdk.llm import Message, TextContent
from openhands.sdk.secret import SecretSource
from openhands.sdk.tool import register_tool
from openhands.tools.file_editor import FileEditorTool
from openhands.tools.preset.default import register_builtins_agents
from openhands.tools.task import TaskToolSet
from openhands.tools.terminal import TerminalTool

from openhands_tiered_router.loopback import Reply, Request, ToolCall
from openhands_tiered_router.loopback.scripts import by_turn, fixed
from openhands_tiered_router.record.telemetry import texts
from openhands_tiered_router.settings import RouterSettings


KEY = "ghp_" + "4k3Y" * 9
EMAIL = "jane.doe@customer.example.org"
REGISTERED = "swordfish of the 7 seas"
OWN_KEY = "own-endpoint-key-without-a-form"
VARIABLE = "a value by its variable's name alone"
SECRETS = (KEY, EMAIL, REGISTERED, OWN_KEY, VARIABLE)
SAID = f"{KEY} {EMAIL} {REGISTERED} {OWN_KEY} {VARIABLE}"


@pytest.fixture(autouse=True)
def _own_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "_warned", set())
    monkeypatch.setenv("SHOP_API_KEY", VARIABLE)


def settings(world, **fields) -> RouterSettings:
    return RouterSettings(dispatch=world.quick, telemetry={"texts": True}, **fields)  # pyright: ignore


def script(world) -> Iterator[Reply]:
    """Each of the secrets in what a model says, does and is told."""
    file = world.workspace / "secret.txt"
    file.write_text(f"of the tool: {SAID}")
    yield Reply(
        text=f"I was told {SAID}.",
        tool_calls=(
            ToolCall("file_editor", {"command": "view", "path": str(file)}),
            ToolCall("think", {"thought": f"Next line:\n{SAID}"}),
        ),
    )
    yield world.finish(f"It is {SAID}, done.")


def rows(router) -> list[tuple[int | None, str | None, str | None]]:
    assert router.recorder.flush(60)
    with closing(sqlite3.connect(router.recorder.path)) as connection:
        return connection.execute(
            "SELECT turn, request, answer FROM texts JOIN decisions d"
            " ON d.key = decision ORDER BY d.time"
        ).fetchall()


def stored(router) -> bytes:
    path: Path = router.recorder.path
    return b"".join(p.read_bytes() for p in path.parent.glob(f"{path.name}*"))


@pytest.mark.parametrize(
    ("asynchronous", "stream", "complex_model"),
    [
        (False, False, "openai/gpt-4o"),
        (True, False, "anthropic/claude-sonnet-4-5"),
        (True, True, "openai/gpt-4o"),
        (False, False, "openai/gpt-5-codex"),
    ],
)
async def test_texts_are_recorded_without_what_was_planted(
    world, caplog, asynchronous: bool, stream: bool, complex_model: str
) -> None:
    world.provider.script = by_turn(script(world))
    router = world.router(
        {**world.models, "complex": complex_model},
        settings=settings(world),
        llm_fields={"stream": stream, "api_key": OWN_KEY},
    )
    conversation = world.conversation(
        world.agent(router, tools=[Tool(name=FileEditorTool.name)]),
        callbacks=router.callbacks(),
        secrets={"SHOP_PASSPHRASE": REGISTERED},
        token_callbacks=[lambda _: None],
    )
    conversation.send_message(f"Use {SAID} for the shop.")
    if asynchronous:
        await conversation.arun()
    else:
        await asyncio.to_thread(conversation.run)
    gone = " ".join(["[redacted]"] * len(SECRETS))
    (first, request, answer), (second, nothing, end) = rows(router)
    assert (first, second, nothing) == (1, 2, None)
    assert f"Use {gone} for the shop." in (request or "")
    assert f"I was told {gone}." in (answer or "")
    assert f"[think]\nthought: Next line:\n{gone}" in (answer or "")
    assert f"[finish]\nmessage: It is {gone}, done." in (end or "")
    # What was planted did travel, so a finding would have been possible ...
    sent = str(world.provider.requests[-1].body)
    assert all(secret in sent for secret in (KEY, EMAIL, OWN_KEY, VARIABLE))
    assert f"of the tool: {KEY} {EMAIL}" in sent
    # ... and left no trace, in the file, its log, or ours.
    ours = [r for r in caplog.records if r.name.startswith("openhands_tiered_router")]
    logged = "\n".join(r.getMessage() for r in ours)
    for secret in SECRETS:
        assert secret.encode() not in stored(router)
        assert secret not in logged
    warnings = [r for r in ours if r.levelno == logging.WARNING]
    assert [str(router.recorder.path) in w.getMessage() for w in warnings] == [True]


def test_nothing_is_recorded_unless_asked_for(world) -> None:
    world.provider.script = by_turn([world.finish()])
    router = world.router()
    conversation = world.conversation(world.agent(router, tools=[]))
    conversation.send_message("Look around, please.")
    conversation.run()
    assert rows(router) == []
    assert b"please" not in stored(router)


class Unreachable(SecretSource):
    """A secret behind a server that is down."""

    def get_value(self) -> str | None:
        raise TimeoutError


def test_a_secret_that_cannot_be_looked_up_keeps_the_texts_out(world, caplog) -> None:
    world.provider.script = by_turn([world.finish()])
    router = world.router(settings=settings(world))
    conversation = world.conversation(
        world.agent(router, tools=[]), secrets={"FAR": Unreachable()}
    )
    conversation.send_message("Look around, please.")
    conversation.run()
    assert rows(router) == []
    assert b"please" not in stored(router)
    assert "texts not recorded" in caplog.text
    assert len(router.calls(conversation.id)) == 1


async def test_side_requests_and_single_calls_are_recorded_too(world) -> None:
    world.provider.script = fixed("So it is.")
    router = world.router(settings=settings(world))
    conversation = world.conversation(
        world.agent(router, tools=[]), secrets={"SHOP_PASSPHRASE": REGISTERED}
    )
    conversation.send_message("Look around.")
    conversation.run()
    assert conversation.ask_agent(f"Is it {REGISTERED}?") == "So it is."
    words = [TextContent(text=f"Call {EMAIL}.")]
    await router.agenerate([Message(role="user", content=words)])
    *_, (_, asked, answer), (_, single, _) = rows(router)
    assert "Is it [redacted]?" in (asked or "")
    assert (answer, single) == ("So it is.", "Call [redacted].")


def test_a_sub_agent_keeps_its_parents_secrets(world) -> None:
    def answer(request: Request) -> Reply:
        if "task" not in request.tools:
            return world.finish(f"It was {REGISTERED}.")
        if request.turn == 0:
            asked = {"prompt": f"Is it {REGISTERED}?", "subagent_type": "bash-runner"}
            return Reply(tool_calls=(ToolCall("task", asked),))
        return world.finish()

    world.provider.script = answer
    register_builtins_agents()
    register_tool(TaskToolSet.name, TaskToolSet)
    router = world.router(settings=settings(world))
    tools = [Tool(name=TerminalTool.name), Tool(name=TaskToolSet.name)]
    conversation = world.conversation(
        world.agent(router, tools=tools),
        secrets={"SHOP_PASSPHRASE": REGISTERED},
    )
    conversation.send_message("Delegate.")
    conversation.run()
    said = [text for row in rows(router) for text in row[1:] if text]
    assert sum("Is it [redacted]?" in text for text in said) == 2
    assert sum("It was [redacted]." in text for text in said) == 1
    assert REGISTERED.encode() not in stored(router)
