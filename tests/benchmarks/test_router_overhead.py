"""What routing adds to a call: deciding, and adapting the history, one turn being new.

    uv run pytest -n 0 tests/benchmarks/test_router_overhead.py

The prompt of the longest history is some 35,000 tokens, that of recorded sessions at
their end. `decide` is read history, session and rules; `adapt` is the history for the
endpoint, authors known.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any, cast

import pytest
from openhands.sdk.llm import LLM, Message, MessageToolCall, TextContent
from openhands.sdk.llm.call_context import LLMCallContext
from pytest_benchmark.fixture import BenchmarkFixture

from openhands_tiered_router import ComplexityRouter
from openhands_tiered_router.calls.failover import Send
from openhands_tiered_router.calls.fleet import reset_fleet
from openhands_tiered_router.sdk.entries import CallArguments
from openhands_tiered_router.sdk.flow import CallFlow


TURNS = (10, 50, 100, 200)
MODELS = {
    "simple": "openai/gpt-4o-mini",
    "medium": "openai/gpt-4o",
    "complex": "anthropic/claude-sonnet-4-5",
    "reasoning": "anthropic/claude-opus-4-5",
}
COMMANDS = ("ls src", "grep -rn 'def f' src", "cat src/a.py", "python -m pytest -q")
OUTPUT = "src/module.py:12:    def function(self, value):\n" * 28


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TIERED_ROUTER_TELEMETRY", "off")
    reset_fleet()
    yield
    reset_fleet()


def history(turns: int) -> list[Message]:
    """New objects at each call, as the SDK makes them from its events."""
    messages = [
        Message(role="system", content=[TextContent(text="You are an agent. " * 400)]),
        Message(role="user", content=[TextContent(text="Fix the failing test. " * 20)]),
    ]
    for turn in range(turns):
        command = f'{{"command": "{COMMANDS[turn % 4]} # {turn}"}}'
        call = MessageToolCall(
            id=f"call_{turn}", name="terminal", arguments=command, origin="completion"
        )
        text = [TextContent(text="Let me look at the next place.")]
        messages.append(Message(role="assistant", content=text, tool_calls=[call]))
        result = [TextContent(text=f"{OUTPUT}{turn}\n[exit code 0]")]
        messages.append(
            Message(role="tool", name="terminal", tool_call_id=call.id, content=result)
        )
    return messages


@pytest.mark.parametrize("turns", TURNS)
def test_decide(benchmark: BenchmarkFixture, turns: int) -> None:
    router = make_router()

    def setup() -> tuple[tuple[CallFlow], dict[str, object]]:
        context = LLMCallContext(session_id=uuid.uuid4().hex)
        flow(router, turns - 1, context).preview()
        return (flow(router, turns, context),), {}

    benchmark.pedantic(CallFlow.preview, setup=setup, rounds=300, warmup_rounds=5)


@pytest.mark.parametrize("turns", TURNS)
def test_adapt(benchmark: BenchmarkFixture, turns: int) -> None:
    router = make_router()

    def setup() -> tuple[tuple[CallFlow, Send], dict[str, object]]:
        context = LLMCallContext(session_id=uuid.uuid4().hex)
        send = Send("simple")
        earlier = flow(router, turns - 1, context)
        earlier.preview()
        earlier.call_kwargs(send)
        now = flow(router, turns, context)
        now.preview()
        return (now, send), {}

    benchmark.pedantic(CallFlow.call_kwargs, setup=setup, rounds=300, warmup_rounds=5)


def make_router() -> ComplexityRouter:
    llms = {key: LLM(model=model, api_key="sk-none") for key, model in MODELS.items()}
    router = ComplexityRouter(llms_for_routing=llms)
    router._ready()
    return router


def flow(router: ComplexityRouter, turns: int, context: LLMCallContext) -> CallFlow:
    arguments = CallArguments(
        messages=history(turns), tools=cast(Any, [_Tool()]), call_context=context
    )
    return router._flow(arguments)


class _Tool:
    """The only thing that routing asks of a tool."""

    description = "Runs commands. Your current working directory is: /srv/project"
