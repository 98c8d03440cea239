"""Sending an answer over its connection, or spoiling it on the way."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from aiohttp import web

from openhands_tiered_router.loopback.exchange import Reply, Wire
from openhands_tiered_router.loopback.faults import (
    Body as OddBody,
    ContextTooLong,
    CutStream,
    Drip,
    EmptyAnswer,
    Fault,
    Hang,
    HttpError,
    Overloaded,
    QuotaExhausted,
    ResetConnection,
    SlowFirstByte,
)
from openhands_tiered_router.loopback.metering import Metered
from openhands_tiered_router.loopback.wire import Body, Format


ABORT_ON_CLOSE: Final = struct.pack("ii", 1, 0)
"""``SO_LINGER`` of zero seconds: closing sends RST instead of FIN."""

type Bill = Callable[[Metered, bool], None]
"""Takes what to charge, and whether the client got the whole answer."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply on its way."""

    reply: Reply
    metered: Metered
    bill: Bill
    spoiled_by: Fault | None = None


@dataclass(frozen=True, slots=True)
class Connection:
    """The connection that a request came on."""

    http: web.Request
    format: Format

    async def send(self, body: Body, outcome: Answer | Fault) -> web.StreamResponse:
        """Let the client have that outcome."""
        match outcome:
            case Answer():
                return await self._answer(body, outcome)
            case Hang():
                return await asyncio.Future()
            case ResetConnection():
                return self._reset()
            case OddBody(data, content_type):
                return web.Response(body=data, content_type=content_type)
            case Drip():
                return await self._drip(outcome)
        return self._error(in_words_of(self.format.wire, outcome))

    async def _drip(self, fault: Drip) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": fault.content_type})
        with contextlib.suppress(ConnectionError):
            await response.prepare(self.http)
            while True:
                await response.write(fault.data)
                await asyncio.sleep(fault.seconds)
        return response

    def _error(self, error: HttpError) -> web.Response:
        return web.json_response(
            self.format.error(error), status=error.status, headers=error.headers
        )

    async def _answer(self, body: Body, answer: Answer) -> web.StreamResponse:
        if isinstance(answer.spoiled_by, SlowFirstByte):
            await asyncio.sleep(answer.spoiled_by.seconds)
        if body.get("stream"):
            empty = isinstance(answer.spoiled_by, EmptyAnswer)
            reply = Reply() if empty else answer.reply
            return await self._stream(
                list(self.format.stream(body, reply, answer.metered)), answer
            )
        plain = self.format.plain(body, answer.reply, answer.metered)
        if isinstance(answer.spoiled_by, CutStream):
            return await self._cut_plain(json.dumps(plain).encode(), answer)
        if isinstance(answer.spoiled_by, EmptyAnswer):
            plain = self.format.empty(plain)
        answer.bill(answer.metered, True)
        return web.json_response(plain)

    async def _cut_plain(self, data: bytes, answer: Answer) -> web.StreamResponse:
        answer.bill(answer.metered, False)
        response = web.StreamResponse(headers={"content-type": "application/json"})
        response.content_length = len(data)
        await response.prepare(self.http)
        await response.write(data[: len(data) // 2])
        return self._hang_up(response)

    async def _stream(self, events: list[bytes], answer: Answer) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        cut = None
        if isinstance(answer.spoiled_by, CutStream):
            cut = min(answer.spoiled_by.after, len(events) - 1)
        sent = 0
        try:
            await response.prepare(self.http)
            for event in events[:cut]:
                if sent == len(events) - 1 and cut is None:
                    answer.bill(answer.metered, True)
                await response.write(event)
                sent += 1
        except ConnectionError:
            return response  # the client has left
        finally:
            if cut is not None or sent < len(events) - 1:
                answer.bill(_part(answer.metered, sent / len(events)), False)
        return response if cut is None else self._hang_up(response)

    def _hang_up(self, response: web.StreamResponse) -> web.StreamResponse:
        if self.http.transport is not None:
            self.http.transport.close()
        return response

    def _reset(self) -> web.Response:
        transport = self.http.transport
        if transport is not None:
            raw = transport.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT_ON_CLOSE)
            transport.abort()
        return web.Response()


def _part(metered: Metered, share: float) -> Metered:
    """The whole prompt, and the share of the answer that was sent."""
    completion = round(metered.usage.completion * share)
    return replace(metered, usage=replace(metered.usage, completion=completion))


def in_words_of(wire: Wire, fault: Fault) -> HttpError:
    """The fault as the error status that this API answers with."""
    anthropic = wire is Wire.MESSAGES
    match fault:
        case HttpError():
            return fault
        case Overloaded() if anthropic:
            return HttpError(status=529, message="Overloaded", type="overloaded_error")
        case Overloaded():
            return HttpError(
                status=503,
                message="The engine is currently overloaded, please try again later.",
                type="service_unavailable_error",
            )
        case QuotaExhausted() if anthropic:
            message = (
                "Your credit balance is too low to access the Anthropic API. Please "
                "go to Plans & Billing to upgrade or purchase credits."
            )
            return HttpError(status=400, message=message)
        case QuotaExhausted():
            return HttpError(
                status=429,
                message="You exceeded your current quota, please check your plan and "
                "billing details.",
                type="insufficient_quota",
                code="insufficient_quota",
            )
        case ContextTooLong(window, tokens) if anthropic:
            message = f"prompt is too long: {tokens} tokens > {window} maximum"
            return HttpError(status=400, message=message)
        case ContextTooLong() if wire is Wire.RESPONSES:
            message = (
                "Your input exceeds the context window of this model. Please adjust "
                "your input and try again."
            )
        case ContextTooLong(window, tokens):
            message = (
                f"This model's maximum context length is {window} tokens. However, "
                f"your messages resulted in {tokens} tokens. Please reduce the length "
                "of the messages."
            )
        case _:
            raise TypeError(f"{fault!r} is no answer on its own")
    return HttpError(status=400, message=message, code="context_length_exceeded")
