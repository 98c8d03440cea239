from __future__ import annotations

import pytest

from openhands_tiered_router.cli.demo.comparison import costs_on_one_model
from openhands_tiered_router.loopback.exchange import (
    Message,
    Request,
    ToolCall,
    ToolResult,
    Wire,
)
from openhands_tiered_router.loopback.metering import Charge
from openhands_tiered_router.policy.outcome import Usage
from openhands_tiered_router.tiers import Prices


PRICES = Prices(input=1.0, output=10.0, cache_read=0.1, cache_write=2.0)
START = (Message(role="system", text="s"), Message(role="user", text="u"))


def turn(call_id: str, thinking: str = "") -> tuple[Message, Message]:
    asked = ToolCall("run", {"command": "ls"}, call_id)
    return (
        Message(role="assistant", tool_calls=(asked,), thinking=thinking),
        Message(role="tool", tool_results=(ToolResult(call_id, "a.py"),)),
    )


def request(*messages: Message) -> Request:
    return Request(
        wire=Wire.CHAT,
        model="m",
        messages=messages,
        tools=(),
        stream=False,
        session=None,
        headers={},
        body={},
        number=1,
        model_number=1,
    )


def charge(prompt: int, completion: int = 0) -> Charge:
    return Charge(1, "m", Usage(prompt=prompt, completion=completion), None)


def cost(*calls: tuple[Request, Charge]) -> float:
    return sum(costs_on_one_model([c[0] for c in calls], [c[1] for c in calls], PRICES))


def test_no_calls_cost_nothing() -> None:
    assert cost() == 0


def test_the_first_prompt_is_written_as_a_whole() -> None:
    assert cost((request(*START), charge(100, 5))) == pytest.approx(100 * 2 + 5 * 10)


def test_a_grown_prompt_reads_what_stood_before() -> None:
    grown = (request(*START, *turn("a")), charge(130))
    total = cost((request(*START), charge(100)), grown)
    assert total == pytest.approx(100 * 2 + 100 * 0.1 + 30 * 2)


def test_thoughts_and_ids_do_not_make_another_history() -> None:
    first = (request(*START, *turn("call_1", "Hm.")), charge(100))
    second = (request(*START, *turn("toolu_1"), *turn("b")), charge(120))
    assert cost(first, second) == pytest.approx(100 * 2 + 100 * 0.1 + 20 * 2)


def test_an_edited_history_is_written_anew() -> None:
    other = Message(role="user", text="something else")
    total = cost((request(*START), charge(100)), (request(other), charge(90)))
    assert total == pytest.approx(100 * 2 + 90 * 2)


def test_never_more_is_read_than_the_prompt_has() -> None:
    grown = (request(*START, *turn("a")), charge(95))
    total = cost((request(*START), charge(100)), grown)
    assert total == pytest.approx(100 * 2 + 95 * 0.1)
