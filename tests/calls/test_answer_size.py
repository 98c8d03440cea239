"""Answers that were read for a call end with it."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator

import httpx
import pytest
from openhands.sdk.llm import Message, TextContent

from openhands_tiered_router.calls.answer_size import bounded
from openhands_tiered_router.loopback import LoopbackProvider
from tests.routed.conftest import MODELS, World, world


__all__ = ["world"]

HELLO = [Message(role="user", content=[TextContent(text="Hello.")])]


@pytest.fixture
def _nothing_is_collected() -> Iterator[None]:
    """The collector closes answers, too, when it comes to it."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def left_open() -> list[httpx.URL]:
    answers = (o for o in gc.get_objects() if isinstance(o, httpx.Response))
    return [answer.url for answer in answers if not answer.is_closed]


@pytest.mark.usefixtures("_nothing_is_collected")
@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("tier", MODELS)
async def test_no_stream_is_left_to_the_garbage_collector(
    world: World, tier: str, asynchronous: bool
) -> None:
    router = world.router().model_copy(update={"stream": True})
    before, chunks = left_open(), []
    if asynchronous:
        await router.agenerate(HELLO, tier=tier, on_token=chunks.append)
    else:
        await asyncio.to_thread(
            router.generate, HELLO, tier=tier, on_token=chunks.append
        )
    assert chunks
    assert left_open() == before


def test_answers_of_others_stay_open(provider: LoopbackProvider) -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
    url = f"{provider.base_url}/chat/completions"
    with (
        httpx.Client() as client,
        client.stream("POST", url, json=body) as other,
        client.stream("POST", url, json=body) as own,
    ):
        begun = other.iter_bytes(1)
        next(begun)
        with bounded():
            next(own.iter_bytes(1))
            assert not own.is_closed
        assert own.is_closed
        assert not other.is_closed
        assert b"one." in b"".join(begun)
