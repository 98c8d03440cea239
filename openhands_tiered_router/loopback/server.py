"""An aiohttp application on a thread and an event loop of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Final

from aiohttp import web


HOST: Final = "127.0.0.1"
SHUTDOWN: Final = 0.1
"""Seconds that running handlers get when the server closes."""


class ServerThread:
    """Serves the application that ``make`` builds, on the loopback interface only.

    Args:
        port: 0: any free one, kept when the server is opened again.
    """

    def __init__(self, make: Callable[[], web.Application], port: int = 0) -> None:
        self._make = make
        self._port = port
        self._loop = asyncio.new_event_loop()
        self._runner: web.AppRunner | None = None
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="loopback-provider", daemon=True
        )
        self._thread.start()

    @property
    def port(self) -> int:
        """The port in use, also while closed."""
        return self._port

    def open(self) -> None:
        """Listen; raises ``OSError`` if the port is taken."""
        self._run(self._open())

    def close(self) -> None:
        """Stop listening, and drop every connection."""
        self._run(self._close())

    def stop(self) -> None:
        """Close, and end the thread."""
        self.close()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _open(self) -> None:
        runner = web.AppRunner(
            self._make(),
            access_log=None,
            handler_cancellation=True,
            shutdown_timeout=SHUTDOWN,
        )
        await runner.setup()
        try:
            await web.TCPSite(runner, HOST, self._port).start()
        except OSError:
            await runner.cleanup()
            raise
        self._runner = runner
        self._port = runner.addresses[0][1]

    async def _close(self) -> None:
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()
