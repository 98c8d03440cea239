"""What adapting a 100-turn, 35k-token history costs when one turn is new."""

from __future__ import annotations

import pytest
from openhands.sdk.llm import Message, TextContent
from pytest_benchmark.fixture import BenchmarkFixture

from openhands_tiered_router.calls.history.adapt import HistoryAdapter
from openhands_tiered_router.calls.history.target import Target
from tests.calls.history.histories import history


OUTPUT = "x" * 1_300


def again(messages: list[Message]) -> list[Message]:
    """New objects with the same parts, as the SDK makes them from its events; tool
    output is a new string, as the terminal's is."""
    made = []
    for message in messages:
        fields = dict(message.__dict__)
        if message.role == "tool":
            text = "".join([str(message.tool_call_id), OUTPUT])
            fields["content"] = [TextContent(text=text)]
        made.append(Message.model_construct(**fields))
    return made


@pytest.mark.parametrize("author", ["kimi", "manual", "chat"])
@pytest.mark.parametrize("target", ["adaptive", "kimi"])
def test_one_new_turn(benchmark: BenchmarkFixture, author: str, target: str) -> None:
    messages, authors = history(*[author] * 100)
    mine = Target(
        key=target,
        thinking="adaptive" if target == "adaptive" else "none",
        reasoning_content=target == "kimi",
    )
    adapter = HistoryAdapter(mine, authors)

    def known_but_one() -> tuple[tuple[list[Message]], dict[str, object]]:
        adapter.adapt(again(messages[:-2]))
        return (again(messages),), {}

    benchmark.pedantic(adapter.adapt, setup=known_but_one, rounds=200)
