"""Side requests and explorations that are asked again, in real conversations."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from litellm.types.utils import ModelResponse
from openhands.sdk.llm import LLM, LLMResponse, Message, TextContent
from openhands.sdk.llm.call_context import LLMCallContext
from openhands.sdk.llm.utils.metrics import Metrics
from openhands.sdk.subagent import registry

from openhands_tiered_router import ComplexityRouter, routed_conversation
from openhands_tiered_router.guards.budget.limits import Budget, Scope
from openhands_tiered_router.loopback import Reply, Request, ToolCall
from openhands_tiered_router.policy.outcome import Usage
from openhands_tiered_router.policy.rules import RULES
from openhands_tiered_router.sdk.answers import usage_of
from openhands_tiered_router.sdk.answers_kept import NAME, is_whole
from openhands_tiered_router.sdk.budgets_left import budgets_left
from openhands_tiered_router.settings import RouterSettings
from openhands_tiered_router.skill_kit.settings import SkillSettings
from openhands_tiered_router.tokens.settings import TokenSettings


@pytest.fixture(autouse=True)
def _own_subagents() -> Iterator[None]:
    before = dict(registry._agent_factories)
    registry._agent_factories.clear()
    yield
    registry._agent_factories.clear()
    registry._agent_factories.update(before)


@pytest.fixture
def on(tmp_path: Path) -> TokenSettings:
    return TokenSettings(answers=True, answers_path=str(tmp_path / "a.sqlite3"))


def router(world, tokens: TokenSettings, **fields) -> ComplexityRouter:
    settings = RouterSettings(dispatch=world.quick, tokens=tokens, **fields)
    return world.router(settings=settings)


def title(router: LLM, text: str = "Name this.", **options):
    message = Message(role="user", content=[TextContent(text=text)])
    context = LLMCallContext(session_id="one")
    return router.completion([message], call_context=context, **options)


def said(response) -> str:
    return response.message.content[0].text


def test_the_same_side_request_is_answered_once(world, on: TokenSettings) -> None:
    world.provider.script = lambda _: Reply(text="A title.")
    first = router(world, on)
    assert said(title(first)) == "A title."
    spent = first.metrics.accumulated_cost
    assert spent > 0
    again = router(world, on)  # as in another process
    response = title(again)
    assert said(response) == "A title."
    assert len(world.provider.requests) == 1
    assert again.metrics.accumulated_cost == 0
    assert usage_of(response) == Usage()
    call = again.calls("one")[-1]
    assert (call.outcome.cost, call.outcome.usage.prompt) == (0.0, 0)


def test_a_kept_answer_is_in_no_budget(world, on: TokenSettings) -> None:
    world.provider.script = lambda _: Reply(text="A title.")
    limit = Budget(name="t", scope=Scope.CONVERSATION, usd=0.5)
    first = router(world, on, budgets=(limit,))
    title(first)
    (before,) = budgets_left((limit,), first.settings.state, "one")
    title(first)
    assert len(world.provider.requests) == 1
    (after,) = budgets_left((limit,), first.settings.state, "one")
    assert after == before
    assert after.used > 0


async def test_so_it_is_by_the_async_entry(world, on: TokenSettings) -> None:
    world.provider.script = lambda _: Reply(text="A title.")
    message = Message(role="user", content=[TextContent(text="Name this.")])
    made, context = router(world, on), LLMCallContext(session_id="one")
    for _ in range(2):
        response = await made.acompletion([message], call_context=context)
        assert said(response) == "A title."
    assert len(world.provider.requests) == 1


@pytest.mark.parametrize(
    "options", [{"text": "Name that."}, {"temperature": 0.5}, {"tier": "complex"}]
)
def test_any_difference_is_another_request(world, on: TokenSettings, options) -> None:
    world.provider.script = lambda _: Reply(text="A title.")
    made = router(world, on)
    title(made)
    title(made, **options)
    assert len(world.provider.requests) == 2


def test_it_is_off_by_default(world, tmp_path: Path) -> None:
    world.provider.script = lambda _: Reply(text="A title.")
    off = TokenSettings(answers_path=str(tmp_path / "a.sqlite3"))
    made = router(world, off)
    title(made)
    title(made)
    assert len(world.provider.requests) == 2
    assert not (tmp_path / "a.sqlite3").exists()


def test_outside_a_conversation_nothing_is_kept(world, on: TokenSettings) -> None:
    world.provider.script = lambda _: Reply(text="A title.")
    made = router(world, on)
    message = Message(role="user", content=[TextContent(text="Name this.")])
    made.completion([message])
    made.completion([message])
    assert len(world.provider.requests) == 2


@pytest.mark.parametrize(
    ("text", "reason", "whole"),
    [("A title.", "stop", True), ("A ti", "length", False), (" ", "stop", False)],
)
def test_only_a_whole_answer_is_kept(text: str, reason: str, whole: bool) -> None:
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "finish_reason": reason, "message": message}
    response = LLMResponse(
        message=Message(role="assistant", content=[TextContent(text=text)]),
        metrics=Metrics().get_snapshot(),
        raw_response=ModelResponse(id="x", choices=[choice]),
    )
    assert is_whole(response) is whole


def test_a_file_that_cannot_be_used_stops_nothing(
    world, on: TokenSettings, caplog: pytest.LogCaptureFixture
) -> None:
    assert on.answers_path is not None
    Path(on.answers_path).write_text("no database " * 50)
    world.provider.script = lambda _: Reply(text="A title.")
    assert said(title(router(world, on))) == "A title."
    assert "no kept answer looked up: DatabaseError" in caplog.text


def test_hits_and_misses_are_counted(
    world, on: TokenSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.provider.script = lambda _: Reply(text="A title.")
    made, noted = router(world, on), list[str]()

    def note(guard: str, kind: str, **_: object) -> None:
        if guard == NAME:
            noted.append(kind)

    monkeypatch.setattr(type(made.recorder), "note", lambda _, *a, **k: note(*a, **k))
    for text in ("a", "b", "a"):
        title(made, text)
    assert noted == ["miss", "miss", "hit"]


def explored(world, on: TokenSettings) -> int:
    """A conversation that hands a question to the explorer; calls without ``task``."""
    before = len(world.provider.requests)
    arguments = {"subagent_type": "explorer", "prompt": "What is in notes.txt?"}

    def script(request: Request) -> Reply:
        if "task" in request.tools:
            asks = Reply(tool_calls=(ToolCall("task", arguments),))
            return asks if request.turn == 0 else world.finish()
        if not request.tools:
            return Reply(text="A title.")
        looks = world.terminal("cat notes.txt")
        return looks if request.turn == 0 else world.finish("notes.txt:1 an a")

    world.provider.script = script
    made = router(world, on, skills=SkillSettings(explorer=True)).with_rules(RULES)
    conversation = routed_conversation(made, world.workspace, visualizer=None)
    world.conversations.append(conversation)
    conversation.send_message("Find it.")
    conversation.run()
    requests = world.provider.requests[before:]
    parent = [r for r in requests if "task" in r.tools]
    assert "notes.txt:1 an a" in str(parent[-1].body["messages"])
    return len([r for r in requests if r.tools and "task" not in r.tools])


@pytest.mark.slow
def test_an_exploration_is_asked_once_of_the_same_files(
    world, on: TokenSettings
) -> None:
    (world.workspace / "notes.txt").write_text("a\n")
    name = ["-c", "user.name=a", "-c", "user.email=a@example.invalid"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "x"]):
        subprocess.run(["git", *name, *words], cwd=world.workspace, check=True)
    assert explored(world, on) == 2
    assert explored(world, on) == 0
    (world.workspace / "notes.txt").write_text("a\nand another line\n")  # not committed
    assert explored(world, on) == 2
    assert explored(world, TokenSettings()) == 2
