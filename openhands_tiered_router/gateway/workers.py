"""Several worker processes behind one socket, and a signal that none of them misses.

``SIGHUP`` ends a process that does not handle it. So it is held back while a process
imports, which takes seconds: a process inherits that from the one that starts it.
"""

from __future__ import annotations

import os
import signal
from typing import Final

from uvicorn.supervisors import Multiprocess


_HELD: Final = hasattr(signal, "SIGHUP")
"""Windows has no such signal."""


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
