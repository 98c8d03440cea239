"""What a request must be before the proxy sees it.

The proxy has hundreds of addresses, some of which call a provider past the router and
its budgets. Those that a client needs are listed here; the others do not exist.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from openhands_tiered_router.gateway.settings import NO_KEY, SERVED


MAX_BODY: Final = 32 * 2**20
"""Bytes of a request; Anthropic's own limit. Images travel inside it."""
BODY_SECONDS: Final = 60.0
"""For all of a request's body to arrive."""

_CALLS: Final = frozenset(
    {
        *("/v1/chat/completions", "/chat/completions"),
        *("/v1/messages", "/v1/messages/count_tokens"),
        *("/v1/responses", "/responses"),
    }
)
_LOOKS: Final = frozenset(
    {
        *("/v1/models", "/models", "/metrics"),
        *("/health/liveliness", "/health/liveness", "/health/readiness"),
    }
)
_MANAGED: Final = re.compile(r"/(?:key|user|team|budget|customer|spend|global)/.*")
"""LiteLLM's own, where it keeps the keys."""
_HERE: Final = re.compile(r"localhost|127\.\d+\.\d+\.\d+|\[::1\]")

type Message = MutableMapping[str, Any]
type Receive = Callable[[], Awaitable[Message]]
type Send = Callable[[Message], Awaitable[None]]
type App = Callable[[Message, Receive, Send], Awaitable[None]]


class _Object(msgspec.Struct):
    """Any JSON object."""


class _Turn(msgspec.Struct):
    role: str | None = None
    content: str | list[_Object] | None = None


class _Item(msgspec.Struct):
    role: str | None = None


class _Body(msgspec.Struct):
    """The types of what routing reads; the rest is between client and provider."""

    model: str | None = None
    messages: list[_Turn] | None = None
    input: str | list[_Item] | None = None
    system: str | list[_Object] | None = None
    instructions: str | list[_Object] | None = None
    tools: list[_Object] | None = None
    stream: bool | None = None
    metadata: _Object | None = None
    previous_response_id: str | None = None


_BODY: Final = msgspec.json.Decoder(_Body)


class _Refusal(Exception):
    """A request that is not let in: a status, and why."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class _Left(Exception):
    """The client went away."""


class Door:
    """An ASGI application around the proxy's."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._open = bool(os.environ.get(NO_KEY))
        self._managed = os.environ.get(SERVED) == "litellm"

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        try:
            received = await self._checked(scope, receive)
        except _Refusal as refusal:
            await _refuse(send, refusal)
        except _Left:
            return
        else:
            await self._app(scope, received, send)

    async def _checked(self, scope: Message, receive: Receive) -> Receive:
        headers = {k.lower(): v for k, v in scope["headers"]}
        if self._open:
            _check_local(headers)
        path = scope["path"]
        if self._managed and _MANAGED.fullmatch(path):
            return receive
        is_call = path in _CALLS
        if not is_call and path not in _LOOKS:
            raise _Refusal(404, "The gateway does not serve this address.")
        if not is_call or scope["method"] != "POST":
            return receive
        kind = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
        if kind != b"application/json":
            # A web page can send the others without asking first.
            raise _Refusal(415, "Send the request as Content-Type: application/json.")
        body = await _read(headers, receive)
        _check_body(body)
        return _again(body, receive)


def _check_local(headers: MutableMapping[bytes, bytes]) -> None:
    """Without keys, that a request comes from this machine is not enough: a web page's
    does too. Its browser says so, under a name of its own (DNS rebinding) or not."""
    host = headers.get(b"host", b"").decode("latin-1")
    if not _HERE.fullmatch(re.sub(r":\d+$", "", host)):
        raise _Refusal(403, "Without keys the gateway serves localhost only.")
    if b"origin" in headers and not _is_local(headers[b"origin"].decode("latin-1")):
        raise _Refusal(403, "Without keys the gateway serves no other site's pages.")
    if headers.get(b"sec-fetch-site", b"none") not in (b"none", b"same-origin"):
        raise _Refusal(403, "Without keys the gateway serves no other site's pages.")


def _is_local(origin: str) -> bool:
    try:
        name = urlsplit(origin).hostname or ""
    except ValueError:
        return False
    return _HERE.fullmatch(f"[{name}]" if ":" in name else name) is not None


async def _read(headers: MutableMapping[bytes, bytes], receive: Receive) -> bytes:
    """All of the body, in bounded time and space."""
    stated = headers.get(b"content-length", b"0")
    if stated.isdigit() and int(stated) > MAX_BODY:
        raise _Refusal(413, f"A request may have {MAX_BODY:,} bytes.")
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise _Left
                chunks.append(message.get("body", b""))
                size += len(chunks[-1])
                if size > MAX_BODY:
                    raise _Refusal(413, f"A request may have {MAX_BODY:,} bytes.")
                if not message.get("more_body"):
                    return b"".join(chunks)
    except TimeoutError:
        why = f"The request did not arrive within {BODY_SECONDS:.0f} s."
        raise _Refusal(408, why) from None


def _check_body(body: bytes) -> None:
    try:
        _BODY.decode(body)
    except msgspec.ValidationError as error:
        raise _Refusal(400, f"The request is not valid: {error}.") from None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise _Refusal(400, "The request is not valid JSON.") from None


def _again(body: bytes, receive: Receive) -> Receive:
    """``receive`` for the proxy: the body once more, then what comes after it."""
    sent = False

    async def received() -> Message:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return received


async def _refuse(send: Send, refusal: _Refusal) -> None:
    error = {
        "message": str(refusal),
        "type": "invalid_request_error",
        "code": str(refusal.status),
    }
    body = msgspec.json.encode({"error": error})
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        # The rest of a body that is not read would be taken for the next request.
        (b"connection", b"close"),
    ]
    start = {"type": "http.response.start", "status": refusal.status}
    await send({**start, "headers": headers})
    await send({"type": "http.response.body", "body": body})
