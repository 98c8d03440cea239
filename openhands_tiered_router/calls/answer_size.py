"""A bound on the bytes of an answer, which may be endless, and its end.

A client reads what a provider sends until it ends, and keeps it in memory. None of
litellm's clients can be given a bound, but every answer passes through httpx.

litellm reads a stream of Anthropic's up to its last event, not to its end, and leaves
it to the garbage collector. Until that comes, the connection stays in use; and if it
comes while httpcore holds the lock of the connection pool, closing the stream waits
for that lock in the same thread, for ever (encode/httpcore#996). So what was read for
a call is closed with the call.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from contextvars import ContextVar
from typing import Final

import httpx


MAX_BYTES: Final = 32 * 2**20
"""After decompression. The longest answers of models, 128,000 tokens, streamed in
chunks of JSON with a token each, take some 30 million bytes."""

_PIECE: Final = 4_096
"""Bytes that are parsed at once: a parser may take 0.2 ms for each line of 3."""
_PAUSE_EVERY: Final = 0.05
"""Seconds."""

logger = logging.getLogger(__name__)
_answers: Final[ContextVar[list[httpx.Response] | None]] = ContextVar(
    "answers", default=None
)
"""What a call has begun to read; ``None``: this is no call of ours."""
_everywhere = False
_read, _aread = httpx.Response.iter_bytes, httpx.Response.aiter_bytes


@contextmanager
def _noted() -> Iterator[list[httpx.Response]]:
    """The answers that are begun within it, as they come."""
    answers: list[httpx.Response] = []
    before = _answers.set(answers)
    try:
        yield answers
    finally:
        _answers.reset(before)


@contextmanager
def bounded() -> Iterator[None]:
    """Within it, reading more of an answer than ``MAX_BYTES`` is ``httpx.ReadError``;
    at its end, the answers are closed.

    Other code of the process, and its own use of httpx, is not affected.
    """
    with _noted() as answers:
        try:
            yield
        finally:
            for answer in answers:
                with suppress(Exception):  # it is read, and paid for
                    answer.close()


@asynccontextmanager
async def abounded() -> AsyncIterator[None]:
    """Async twin of ``bounded``."""
    with _noted() as answers:
        try:
            yield
        finally:
            for answer in answers:
                with suppress(Exception):
                    if isinstance(answer.stream, httpx.AsyncByteStream):
                        await answer.aclose()
                    else:
                        answer.close()


def bound_all() -> None:
    """The same for every answer that this process reads, however it is asked for."""
    global _everywhere
    _everywhere = True


def _iter_bytes(self: httpx.Response, chunk_size: int | None = None) -> Iterator[bytes]:
    size = 0
    _note(self)
    for chunk in _read(self, chunk_size):
        size += len(chunk)
        _check(size)
        yield chunk


async def _aiter_bytes(
    self: httpx.Response, chunk_size: int | None = None
) -> AsyncIterator[bytes]:
    size, paused = 0, time.monotonic()
    _note(self)
    async for chunk in _aread(self, chunk_size):
        size += len(chunk)
        _check(size)
        if not _is_bounded() or len(chunk) <= _PIECE:
            yield chunk
        else:
            for at in range(0, len(chunk), _PIECE):
                # What is here already is read without a wait, so nothing else, no
                # deadline either, would run on this event loop while it is parsed.
                if time.monotonic() - paused > _PAUSE_EVERY:
                    await asyncio.sleep(0)
                    paused = time.monotonic()
                yield chunk[at : at + _PIECE]


def _note(answer: httpx.Response) -> None:
    answers = _answers.get()
    if answers is not None:
        answers.append(answer)


def _is_bounded() -> bool:
    return _everywhere or _answers.get() is not None


def _check(size: int) -> None:
    if size > MAX_BYTES and _is_bounded():
        why = f"an answer of more than {MAX_BYTES:,} bytes was cut off"
        logger.warning("%s", why)
        raise httpx.ReadError(why)


httpx.Response.iter_bytes = _iter_bytes
httpx.Response.aiter_bytes = _aiter_bytes
