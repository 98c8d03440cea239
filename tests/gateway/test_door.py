"""What the proxy never sees: foreign pages, other addresses, bodies of no use."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from openhands_tiered_router.gateway import door
from openhands_tiered_router.gateway.door import MAX_BODY, Door, Message
from openhands_tiered_router.gateway.settings import NO_KEY, SERVED


CHAT = "/v1/chat/completions"
JSON = {"content-type": "application/json"}
GOOD = b'{"model": "complexity-router", "messages": [{"role": "user"}]}'


async def asked(
    path: str = CHAT,
    method: str = "POST",
    headers: dict[str, str] = JSON,
    chunks: tuple[bytes, ...] = (GOOD,),
    *,
    ends: bool = True,
) -> tuple[int, bytes]:
    """The status, and the body as the proxy got it."""
    sent: list[Message] = []
    waiting = list(chunks)
    seen = b""

    async def receive() -> Message:
        if not waiting:
            await asyncio.sleep(3600)
        body = waiting.pop(0)
        return {"type": "http.request", "body": body, "more_body": not ends or waiting}

    async def send(message: Message) -> None:
        sent.append(message)

    async def proxy(_: Message, receive: Any, send: Any) -> None:
        nonlocal seen
        if method == "POST":
            seen = (await receive())["body"]
        await send({"type": "http.response.start", "status": 200, "headers": []})

    named = [(k.encode(), v.encode("latin-1")) for k, v in headers.items()]
    scope = {"type": "http", "path": path, "method": method, "headers": named}
    await Door(proxy)(scope, receive, send)
    return sent[0]["status"], seen


async def test_a_request_goes_through_as_it_came() -> None:
    assert await asked(chunks=(GOOD[:9], GOOD[9:])) == (200, GOOD)


@pytest.mark.parametrize(
    "body",
    [
        *(b"[]", b"null", b"", b"3", b'"x"', b"{", b"\xff\xfe{}", b"[" * 100_000),
        *(b'{"model": []}', b'{"model": 3}', b'{"messages": "x"}'),
        *(b'{"messages": [null]}', b'{"messages": [[]]}', b'{"tools": [1]}'),
        *(b'{"messages": [{"content": 3}]}', b'{"messages": [{"role": []}]}'),
        *(b'{"input": [3]}', b'{"metadata": "x"}', b'{"stream": "yes"}'),
        b'{"model": "\\ud800"}',
        b'{"a":' * 50_000,
    ],
)
async def test_17_no_body_of_another_form(body: bytes) -> None:
    assert await asked(chunks=(body,)) == (400, b"")


async def test_a_body_has_a_limit_of_size() -> None:
    stated = JSON | {"content-length": str(MAX_BODY + 1)}
    assert (await asked(headers=stated))[0] == 413
    part = b" " * (MAX_BODY // 4)
    assert (await asked(chunks=(part, part, part, part, b" ", GOOD)))[0] == 413


async def test_a_half_sent_body_has_a_limit_of_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(door, "BODY_SECONDS", 0.05)
    assert (await asked(chunks=(GOOD[:9],), ends=False))[0] == 408


@pytest.mark.parametrize(
    "path",
    [
        *("/v1/completions", "/v1/embeddings", "/v1/images/generations"),
        *("/openai/deployments/gpt-4o/chat/completions", "/engines/x/completions"),
        *("/anthropic/v1/messages", "/v1beta/models/x:generateContent", "/"),
        *("/key/generate", "/model/new", "/config/update", "//v1/messages"),
        *("/v1/chat/completions/", "/v1/../v1/messages", "/get/config/callbacks"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_no_other_address_exists(path: str, method: str) -> None:
    assert await asked(path, method) == (404, b"")


async def test_litellms_keys_are_managed_where_it_has_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(SERVED, "litellm")
    assert (await asked("/key/generate"))[0] == 200
    assert (await asked("/model/new"))[0] == 404


@pytest.mark.parametrize("kind", ["text/plain", "multipart/form-data", "", "json"])
async def test_11_no_type_that_a_page_may_send_unasked(kind: str) -> None:
    assert (await asked(headers={"content-type": kind}))[0] == 415


LOCAL = JSON | {"host": "localhost:4100"}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (LOCAL, 200),
        (LOCAL | {"host": "127.0.0.1:4100"}, 200),
        (LOCAL | {"host": "[::1]:4100"}, 200),
        (LOCAL | {"host": "127.0.0.1"}, 200),
        (LOCAL | {"origin": "http://localhost:3000"}, 200),
        (LOCAL | {"host": "evil.example:4100"}, 403),
        (LOCAL | {"host": "localhost.evil.example"}, 403),
        (LOCAL | {"host": "127.0.0.1.evil.example"}, 403),
        (LOCAL | {"host": "localhost:4100:x"}, 403),
        (JSON, 403),
        (LOCAL | {"origin": "https://evil.example"}, 403),
        (LOCAL | {"origin": "null"}, 403),
        (LOCAL | {"origin": "https://localhost.evil.example"}, 403),
        (LOCAL | {"origin": "http://[::1"}, 403),
        (LOCAL | {"sec-fetch-site": "cross-site"}, 403),
        (LOCAL | {"content-type": "text/plain"}, 415),
    ],
)
async def test_11_without_keys_only_this_machines_programs_are_served(
    monkeypatch: pytest.MonkeyPatch, headers: dict[str, str], status: int
) -> None:
    monkeypatch.setenv(NO_KEY, "1")
    assert (await asked(headers=headers))[0] == status


async def test_11_no_foreign_page_may_ask_whether_it_may(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(NO_KEY, "1")
    headers = {"host": "127.0.0.1:4100", "origin": "https://evil.example"}
    assert (await asked(method="OPTIONS", headers=headers))[0] == 403
    assert (await asked("/v1/models", "GET", headers))[0] == 403
