"""A limit of time for the head of a request, which uvicorn does not have.

A client that sends half a line holds a connection otherwise, and a thousand of them
all that a process may have. The body has a limit of its own, in ``door``.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.auto import AutoHTTPProtocol


SECONDS: Final = 20.0
"""From the connection, or the first byte of a further request, to the last header."""


class BoundedHeaders(AutoHTTPProtocol):  # pyright: ignore[reportGeneralTypeIssues, reportUntypedBaseClass]
    """uvicorn's protocol; closes a connection whose request does not begin in time."""

    loop: asyncio.AbstractEventLoop
    transport: Any
    cycle: Any
    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop()
        super().connection_lost(exc)

    def _watch(self) -> None:
        if self.cycle is not None and not self.cycle.response_complete:
            self._stop()  # its headers are there
        elif self._late is None:
            self._late = self.loop.call_later(SECONDS, self.transport.close)

    def _stop(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None
