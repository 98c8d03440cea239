"""Half-sent heads of requests, at a real server with an application of two lines."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest


uvicorn = pytest.importorskip("uvicorn")

from openhands_tiered_router.gateway import workers  # noqa: E402


WHOLE = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


async def app(scope, receive, send) -> None:
    if scope["type"] != "http":
        return
    if scope["path"] == "/slow":
        await asyncio.sleep(0.5)
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


@asynccontextmanager
async def served() -> AsyncIterator[int]:
    config = uvicorn.Config(
        app, port=0, http=workers.BoundedHeaders, lifespan="off", log_level="error"
    )
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        await running


async def sent(port: int, *parts: bytes) -> bytes:
    """What comes back until the server closes the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answer = b""
    for part in parts:
        if answer == b"" and part is not parts[0]:
            answer += await reader.readuntil(b"\r\n\r\n")
        writer.write(part)
    answer += await asyncio.wait_for(reader.read(), 30)
    writer.close()
    return answer


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "HEAD_SECONDS", 0.2)


@pytest.mark.parametrize("part", [b"", b"GET", WHOLE[:-2], WHOLE[:20]])
async def test_half_a_head_is_closed(part: bytes) -> None:
    async with served() as port:
        assert await sent(port, part) == b""


async def test_half_a_second_head_is_closed() -> None:
    async with served() as port:
        assert (await sent(port, WHOLE, WHOLE[:-2])).count(b"204") == 1


async def test_an_answer_may_take_longer() -> None:
    slow = WHOLE.replace(b"/ ", b"/slow ", 1)
    async with served() as port:
        closing = slow.replace(b"Host: x", b"Host: x\r\nConnection: close")
        assert b"204" in await sent(port, closing)
