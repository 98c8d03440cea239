"""Another model takes over in the middle of a tool loop, over strict wires."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from openhands_tiered_router import RoutedAgent
from openhands_tiered_router.calls.fleet import reset_fleet
from openhands_tiered_router.loopback import Reply, Request, ToolCall, faults
from openhands_tiered_router.policy.outcome import ErrorKind


REFUSED = (
    "messages.3.content.0.type: Expected `thinking` or `redacted_thinking`, but found"
    " `tool_use`. When `thinking` is enabled, a final `assistant` message must start"
    " with a thinking block"
)


LOOKS = ("ls", "cat notes.txt", "false", "ls", "cat notes.txt")


def thoughtful(world, commands: tuple[str, ...] = LOOKS):
    """Each model thinks aloud, in the form that its wire has for it."""

    def script(request: Request) -> Reply:
        if not request.tools:
            return Reply(text="A title.")
        if request.turn == 5:
            return world.finish()
        call = ToolCall("terminal", {"command": commands[request.turn]})
        return Reply(tool_calls=(call,), thinking=f"Thought {request.turn}.")

    return script


@pytest.mark.parametrize(
    ("simple", "complex_"),
    [
        ("openai/gpt-4o-mini", "anthropic/claude-sonnet-4-5"),
        ("anthropic/claude-haiku-4-5", "openai/gpt-5-codex"),
        ("openai/gpt-5-codex", "anthropic/claude-opus-4-5"),
        ("openai/gpt-5-codex", "openai/gpt-4o"),
    ],
)
def test_a_thinking_conversation_changes_models_without_a_refusal(
    world, simple: str, complex_: str
) -> None:
    world.provider.script = thoughtful(world)
    router = world.router({"simple": simple, "complex": complex_})
    conversation = world.conversation(world.agent(router))
    conversation.send_message("Look around.")
    conversation.run()
    calls = router.calls(conversation.id)
    assert {str(call.tier) for call in calls} == {"simple", "complex"}
    assert [call.outcome.attempts[0].error for call in calls] == [None] * 6
    foreign = [
        request
        for request in world.provider.requests
        if request.wire == "chat" and "thinking_blocks" in str(request.body)
    ]
    assert foreign == []


def test_a_refused_history_is_mended_and_sent_once_more(world) -> None:
    # Commands that fail keep one model at work, which may have its thinking back.
    world.provider.script = thoughtful(world, ("false",) * 5)
    model = "claude-sonnet-4-5"
    world.provider.faults.at(2, faults.bad_request(REFUSED), model=model)
    router = world.router()
    conversation = world.conversation(world.agent(router))
    conversation.send_message("Look around.")
    conversation.run()
    mended = [c for c in router.calls(conversation.id) if len(c.outcome.attempts) > 1]
    assert len(mended) == 1
    assert [(a.endpoint, a.error) for a in mended[0].outcome.attempts] == [
        ("complex", ErrorKind.BAD_REQUEST),
        ("complex", None),
    ]
    first, second = [r.body for r in world.provider.requests if r.model == model][1:3]
    assert "Thought 0." in str(first["messages"])
    assert "Thought 0." not in str(second["messages"])


def test_a_resumed_conversation_keeps_what_its_model_thought(
    world, tmp_path: Path
) -> None:
    think = thoughtful(world)
    world.provider.script = lambda request: replace(think(request), thinking="Hm.")
    fields = {"persistence_dir": str(tmp_path), "delete_on_close": False}
    one = {"complex": "anthropic/claude-opus-4-5"}
    made = world.conversation(world.agent(world.router(one), RoutedAgent), **fields)
    made.send_message("Look around.")
    made.run()
    sent = world.provider.requests[-1].body["messages"]
    assert len(thoughts(sent)) == 5
    made.close()
    reset_fleet()  # as in a new process
    world.provider.script = lambda _request: replace(world.finish(), thinking="Hm.")
    again = world.conversation(
        world.agent(world.router(one), RoutedAgent), conversation_id=made.id, **fields
    )
    again.send_message("Once more.")
    again.run()
    resumed = world.provider.requests[-1].body["messages"]
    assert thoughts(resumed)[: len(thoughts(sent))] == thoughts(sent) != []


def thoughts(messages: list[dict[str, Any]]) -> list[Any]:
    """The thinking blocks of a prompt, signatures and all."""
    parts = [part for m in messages for part in m["content"] if isinstance(part, dict)]
    return [part for part in parts if part.get("type") == "thinking"]
