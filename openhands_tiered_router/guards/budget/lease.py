"""Who sends a call: to tell one that is under way from one that died."""

from __future__ import annotations

import os
import socket
from functools import cache


def owner() -> str:
    """This process's name in ledgers."""
    return f"{_host()}/{os.getpid()}"


def is_gone(name: str) -> bool:
    """Whether that process is known to have ended; on another host it never is."""
    host, _, pid = name.rpartition("/")
    # Windows has no way to ask that does not signal the process.
    if host != _host() or not pid.isdigit() or os.name == "nt":
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except OSError:  # it is there but not ours
        return False
    return False


@cache
def _host() -> str:
    return socket.gethostname()
