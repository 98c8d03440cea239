"""An aiohttp application on a thread and an event loop of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, Final

from aiohttp import web


HOST: Final = "127.0.0.1"
SHUTDOWN: Final = 0.1
"""Seconds that running handlers get when the server closes."""


class ServerThread:
    """Serves an application from now on, on the loopback interface only.

    Args:
        app: What it serves.
        port: 0: any free one.

    Raises:
        OSError: The port is taken.
    """

    def __init__(self, app: web.Application, port: int = 0) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="loopback-provider", daemon=True
        )
        self._thread.start()
        self._runner = web.AppRunner(
            app,
            access_log=None,
            handler_cancellation=True,
            shutdown_timeout=SHUTDOWN,
        )
        try:
            self._run(self._open(port))
        except OSError:
            self.stop()
            raise

    @property
    def port(self) -> int:
        """The port in use."""
        return self._runner.addresses[0][1]

    def stop(self) -> None:
        """Drops every connection, and ends the thread."""
        self._run(self._runner.cleanup())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _open(self, port: int) -> None:
        await self._runner.setup()
        await web.TCPSite(self._runner, HOST, port).start()
