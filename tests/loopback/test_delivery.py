from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from openhands_tiered_router.loopback import LoopbackProvider, Reply, Wire
from openhands_tiered_router.loopback.delivery import in_words_of
from openhands_tiered_router.loopback.faults import (
    ContextTooLong,
    CutStream,
    EmptyAnswer,
    Fault,
    Overloaded,
    QuotaExhausted,
    SlowFirstByte,
    rate_limited,
    refused,
)
from tests.waiting import wait_until


type Reader = Callable[[httpx.Response], list[tuple[str, Any]]]

CLIENT = httpx.Client(timeout=60)
"""Shared, as making one takes longer than most tests here."""

PATHS = {
    Wire.CHAT: "chat/completions",
    Wire.RESPONSES: "responses",
    Wire.MESSAGES: "messages",
}
REPLY = Reply(text="a long enough answer " * 20)
wires = pytest.mark.parametrize("wire", list(Wire))


def post(
    provider: LoopbackProvider, wire: Wire, *, stream: bool = False, timeout: float = 30
) -> httpx.Response:
    given = {"input": "hi"}
    if wire is not Wire.RESPONSES:
        given: dict[str, Any] = {"messages": [{"role": "user", "content": "hi"}]}
    body = {"model": "m", "stream": stream, **given}
    url = f"{provider.base_url}/v1/{PATHS[wire]}"
    return CLIENT.post(url, json=body, timeout=timeout)


@wires
def test_a_status_comes_in_the_words_of_its_wire(
    provider: LoopbackProvider, wire: Wire
) -> None:
    provider.faults.next(rate_limited(7))
    response = post(provider, wire)
    assert response.status_code == 429
    answer = response.json()
    assert answer["error"]["message"] == rate_limited().message
    assert (answer.get("type") == "error") == (wire is Wire.MESSAGES)
    assert response.headers["retry-after"] == "7"
    assert post(provider, wire).status_code == 200


def test_retry_after_is_sent_if_given() -> None:
    assert rate_limited(0.5).headers == {"retry-after": "0.5"}
    assert rate_limited(None).headers == {}


@pytest.mark.parametrize(
    ("wire", "fault", "status", "words"),
    [
        (Wire.CHAT, Overloaded(), 503, "overloaded"),
        (Wire.MESSAGES, Overloaded(), 529, "Overloaded"),
        (Wire.RESPONSES, QuotaExhausted(), 429, "exceeded your current quota"),
        (Wire.MESSAGES, QuotaExhausted(), 400, "credit balance is too low"),
        (Wire.CHAT, ContextTooLong(9, 10), 400, "Please reduce the length of"),
        (Wire.RESPONSES, ContextTooLong(9, 10), 400, "exceeds the context window"),
        (Wire.MESSAGES, ContextTooLong(9, 10), 400, "is too long: 10 tokens > 9 max"),
    ],
)
def test_each_wire_has_its_own_words(
    wire: Wire, fault: Fault, status: int, words: str
) -> None:
    error = in_words_of(wire, fault)
    assert error.status == status
    assert words in error.message


def test_what_spoils_an_answer_is_no_answer() -> None:
    with pytest.raises(TypeError, match="CutStream"):
        in_words_of(Wire.CHAT, CutStream())


@wires
@pytest.mark.parametrize("stream", [False, True])
def test_a_cut_answer_is_billed_but_incomplete(
    provider: LoopbackProvider, wire: Wire, stream: bool
) -> None:
    provider.script = lambda _: REPLY
    provider.faults.next(CutStream(4))
    with pytest.raises(httpx.RemoteProtocolError):
        post(provider, wire, stream=stream)
    (cut,) = provider.charged
    post(provider, wire, stream=stream)
    whole = provider.charged[1]
    assert (cut.complete, whole.complete) == (False, True)
    assert cut.usage.prompt == whole.usage.prompt
    if stream:
        assert 0 < cut.usage.completion < whole.usage.completion


@wires
def test_a_stream_is_cut_after_as_many_events_as_told(
    provider: LoopbackProvider, wire: Wire
) -> None:
    provider.script = lambda _: REPLY
    provider.faults.next(CutStream(4))
    body = {"model": "m", "stream": True, "input": "hi"}
    body["messages"] = [{"role": "user", "content": "hi"}]
    received = []
    url = f"{provider.base_url}/v1/{PATHS[wire]}"
    with (
        pytest.raises(httpx.RemoteProtocolError),
        CLIENT.stream("POST", url, json=body) as response,
    ):
        received.extend(response.iter_bytes())
    assert b"".join(received).count(b"data: ") == 4


@wires
def test_an_empty_answer_has_no_content(
    provider: LoopbackProvider, wire: Wire, read_events: Reader
) -> None:
    content = {Wire.CHAT: "choices", Wire.RESPONSES: "output", Wire.MESSAGES: "content"}
    provider.faults.next(EmptyAnswer(), times=2)
    assert post(provider, wire).json()[content[wire]] == []
    events = read_events(post(provider, wire, stream=True))
    assert "Done." not in str(events)
    assert events


@wires
def test_a_script_may_answer_with_a_fault(
    provider: LoopbackProvider, wire: Wire
) -> None:
    provider.script = lambda _: refused(401)
    assert post(provider, wire).status_code == 401
    provider.script = lambda _: SlowFirstByte(0.01)
    assert post(provider, wire).status_code == 200


def test_a_client_that_leaves_early_is_billed_incompletely(
    provider: LoopbackProvider,
) -> None:
    provider.script = lambda _: Reply(text="x" * 2_000_000)
    body = {"model": "m", "stream": True, "input": "hi"}
    url = f"{provider.base_url}/v1/responses"
    with CLIENT.stream("POST", url, json=body) as response:
        next(response.iter_bytes())
    wait_until(lambda: provider.charged)
    assert not provider.charged[0].complete
