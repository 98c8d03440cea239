"""An answer is recognised when it comes back from the event log."""

from __future__ import annotations

import pytest
from openhands.sdk.event import ActionEvent, MessageEvent
from openhands.sdk.llm import Message, TextContent

from openhands_tiered_router.calls.history import authors as module
from openhands_tiered_router.calls.history.authors import Authors
from tests.calls.history.histories import AUTHORS


def events(message: Message, response: str) -> list[ActionEvent]:
    """As the agent logs an answer with several calls: one event a call."""
    calls = message.tool_calls or []
    return [
        ActionEvent(
            thought=[p for p in message.content if isinstance(p, TextContent)]
            if i == 0
            else [],
            thinking_blocks=list(message.thinking_blocks) if i == 0 else [],
            # The agent rewrites names and arguments; neither may matter.
            tool_call=call.model_copy(update={"name": "bash", "arguments": "{}"}),
            tool_name="bash",
            tool_call_id=call.id,
            llm_response_id=response,
        )
        for i, call in enumerate(calls)
    ]


def test_an_answer_is_known_again_whole_and_in_parts() -> None:
    answer = AUTHORS["manual"].turn(0, calls=2)[0]
    authors = Authors()
    authors.record(answer, "manual")
    assert authors.of(answer) == "manual"
    for event in events(answer, "r1"):
        assert authors.of(event.to_llm_message()) == "manual"


def test_a_resumed_conversation_knows_its_authors() -> None:
    answer = AUTHORS["manual"].turn(0, calls=2)[0]
    said = Message(role="assistant", content=[TextContent(text="Done.")])
    log = [
        *events(answer, "r1"),
        MessageEvent(source="agent", llm_message=said, llm_response_id="r2"),
        *events(AUTHORS["kimi"].turn(1)[0], "r3"),
    ]
    authors = Authors()
    authors.recall(log, {"r1": "manual", "r2": "simple", "r3": None})
    assert authors.of(answer) == "manual"
    assert authors.of(said) == "simple"
    assert authors.of(log[-1].to_llm_message()) is None


def test_an_unsigned_copy_is_not_the_answer() -> None:
    answer = AUTHORS["manual"].turn(0)[0]
    authors = Authors()
    authors.record(answer, "manual")
    other = answer.model_copy(update={"thinking_blocks": []})
    assert authors.of(other) is None


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LIMIT", 3)
    authors = Authors()
    answers = [AUTHORS["chat"].turn(i)[0] for i in range(5)]
    for answer in answers:
        authors.record(answer, "chat")
    known = [authors.of(answer) for answer in reversed(answers)]
    assert known[:3] == ["chat"] * 3
    assert None in known
