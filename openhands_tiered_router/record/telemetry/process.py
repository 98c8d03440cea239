"""Which process serves a conversation, by which configuration; is it still alive?"""

from __future__ import annotations

import os
import sys
from functools import cache
from hashlib import blake2b
from pathlib import Path


def this_process() -> str:
    """Its number and, where the system tells, when it started: numbers come again."""
    return _name(os.getpid())


@cache
def _name(pid: int) -> str:
    started = _started(pid)
    return f"{pid}" if started is None else f"{pid}:{started}"


def is_alive(process: str | None) -> bool:
    """Whether the process of that name runs on this machine."""
    pid, _, started = (process or "").partition(":")
    if not pid.isdigit() or int(pid) <= 0:
        return False
    if sys.platform == "win32":
        return True  # there, to ask by a signal would end it
    try:
        os.kill(int(pid), 0)
    except PermissionError:
        pass  # another user's: it is there
    except (OSError, OverflowError):
        return False
    return not started or _started(int(pid)) in (started, None)


def _started(pid: int) -> str | None:
    """Clock ticks from the system's start to the process's; ``None``: not known."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except OSError:
        return None
    # The second field, the program's name in brackets, may hold blanks.
    fields = text.rpartition(")")[2].split()
    if len(fields) < 20 or fields[0] == "Z":
        return "ended"
    return fields[19]


def config_fingerprint(path: str | os.PathLike[str] | None) -> str | None:
    """Tells whether two conversations were routed by the same configuration file,
    without its path; ``None``: there is no file."""
    if path is None:
        return None
    resolved = os.path.realpath(path).encode(errors="replace")
    return blake2b(resolved, digest_size=8).hexdigest()
