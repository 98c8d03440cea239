"""Several worker processes behind one socket, and a signal that none of them misses.

``SIGHUP`` ends a process that does not handle it. So it is held back while a process
imports, which takes seconds: a process inherits that from the one that starts it.

On Linux a process that has imported the proxy, and does nothing else, forks the
workers: one that dies is replaced in the time that a start takes without the imports,
which take 15 CPU seconds, and workers share the memory of what was imported.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import sys
from collections.abc import Sequence
from socket import socket
from typing import Any, Final

from uvicorn import _subprocess
from uvicorn.config import Config
from uvicorn.protocols.http.auto import AutoHTTPProtocol
from uvicorn.supervisors import Multiprocess


_HELD: Final = hasattr(signal, "SIGHUP")
"""Windows has no such signal."""
_IMPORTED: Final = (
    "litellm.proxy.proxy_server",
    "openhands_tiered_router.gateway.hook",
    "openhands_tiered_router.gateway.opening",
)
"""Neither opens a file nor starts a thread when it is imported."""
HEALTH_SECONDS: Final = 30
"""For a worker to answer before it is taken for dead: on a loaded machine one that is
well may need more than uvicorn's 5."""


def hold_sighup() -> None:
    """Keeps it for later, once however often it comes."""
    if _HELD:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})


def take_sighup() -> None:
    """Has it come, also what was kept; there must be a handler by now."""
    if _HELD:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})


class Workers(Multiprocess):
    """Starts and watches them; what dies is started anew."""

    def __init__(
        self,
        config: Config,
        sockets: list[socket],
        imported: Sequence[str] = _IMPORTED,
    ) -> None:
        """``imported``: modules that the process which forks the workers has."""
        super().__init__(config, sockets)
        config.timeout_worker_healthcheck = HEALTH_SECONDS
        if sys.platform == "linux":  # forks of macOS' libraries may crash
            forks = multiprocessing.get_context("forkserver")
            forks.set_forkserver_preload(list(imported))
            # uvicorn has no option for how workers are started.
            _subprocess.spawn = forks  # pyright: ignore[reportAttributeAccessIssue]

    def keep_subprocess_alive(self) -> None:
        for process in self.processes:
            # Held open here as well, it would hide from a wait for a worker's answer
            # that the worker died in the midst of it.
            process.child_conn.close()
        super().keep_subprocess_alive()

    def handle_signals(self) -> None:
        # Kept for good in this process, so that each new worker begins with it kept.
        if _HELD and signal.SIGHUP in signal.sigpending():
            signal.sigwait({signal.SIGHUP})
            self.handle_hup()
        super().handle_signals()

    def handle_hup(self) -> None:
        """Each reads the configuration again. Started anew, as uvicorn does it, they
        would forget their conversations, and a bad file would stop them."""
        for process in self.processes:
            if process.pid is not None and process.exitcode is None:
                os.kill(process.pid, signal.SIGHUP)


HEAD_SECONDS: Final = 20.0
"""From the connection, or the first byte of a further request, to the last header."""


class BoundedHeaders(AutoHTTPProtocol):  # pyright: ignore[reportGeneralTypeIssues, reportUntypedBaseClass]
    """uvicorn's protocol; closes a connection whose request does not begin in time.

    A client that sends half a line holds a connection otherwise, and a thousand of them
    all that a process may have. The body has a limit of its own, in ``door``.
    """

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
            self._late = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def _stop(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None
