"""Commands with an end: of time, of output, and of what they leave running.

Not the SDK's ``execute_command``: it echoes to this process's own output, keeps all of
a command's output in memory, and kills at its limit the shell but not its children,
for whose end it then waits.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from openhands.sdk.utils.command import sanitized_env


KEPT_BYTES: Final = 64_000
"""Bytes kept of an output's end: far more than an agent is shown, and what the table
of runners needs to find the names of failed tests."""

_POLL_SECONDS: Final = 0.05
_DRAIN_SECONDS: Final = 1.0
"""Wait for the rest of the output after the end of the command itself: a process that
it left behind may hold the pipe open for ever."""


@dataclass(frozen=True, slots=True)
class Finished:
    """A command that ended, or was ended."""

    code: int | None
    """Exit code; ``None``: the time was over, or the run was cancelled."""
    output: str
    """End of standard output and standard error together."""

    @property
    def passed(self) -> bool:
        return self.code == 0


class Cancelled(Exception):
    """The conversation was interrupted; the command was killed."""


def run(
    argv: Sequence[str],
    cwd: Path,
    *,
    seconds: float,
    cancelled: Callable[[], bool] = lambda: False,
    variables: Mapping[str, str] | None = None,
) -> Finished:
    """Run a command without a shell; its whole process group ends with it.

    Args:
        argv: Program and arguments.
        cwd: Where to.
        seconds: Time limit.
        cancelled: Asked every 50 ms whether to give up.
        variables: Set beside those of this process, without the SDK's secrets.

    Raises:
        Cancelled: ``cancelled`` said so.
        OSError: The program cannot be started.
    """
    process = subprocess.Popen(
        argv,
        cwd=cwd,
        env={**sanitized_env(), **(variables or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    assert process.stdout is not None
    tail = _Tail(process.stdout)
    try:
        code = _wait(process, time.monotonic() + seconds, cancelled)
    finally:
        _kill(process)
        tail.join()
    return Finished(code, tail.text)


def _wait(
    process: subprocess.Popen[bytes], deadline: float, cancelled: Callable[[], bool]
) -> int | None:
    while time.monotonic() < deadline:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.wait(_POLL_SECONDS)
        if cancelled():
            raise Cancelled
    return None


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Ends the command with all that it started, even if it has ended itself."""
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()


class _Tail:
    """Reads a pipe to its end, and keeps the end."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._pipe = pipe
        self._kept = bytearray()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def join(self) -> None:
        self._thread.join(_DRAIN_SECONDS)
        if not self._thread.is_alive():
            self._pipe.close()

    @property
    def text(self) -> str:
        return bytes(self._kept).decode(errors="replace")

    def _read(self) -> None:
        descriptor = self._pipe.fileno()
        with contextlib.suppress(OSError, ValueError):
            while chunk := os.read(descriptor, 65_536):
                self._kept += chunk
                del self._kept[:-KEPT_BYTES]
