"""Keeps credentials out of the environment that the agent's commands inherit."""

from __future__ import annotations

import ctypes
import os
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from fnmatch import fnmatchcase
from typing import Final

from openhands_tiered_router.redaction import is_secret_name


_PASSWORD: Final = re.compile(r"://[^/\s:@]*:[^/\s@]+@")
"""In a value: an address with a password, as databases and CI jobs have it."""

_GIT: Final = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_AUTHOR_NAME": "tiered-router",
    "GIT_AUTHOR_EMAIL": "tiered-router@localhost",
    "GIT_COMMITTER_NAME": "tiered-router",
    "GIT_COMMITTER_EMAIL": "tiered-router@localhost",
}
"""No credential helper of the user's, and an identity for the agent's own commits."""

_PR_SET_DUMPABLE: Final = 4


@contextmanager
def hidden(names: Iterable[str] = (), keep: Iterable[str] = ()) -> Iterator[None]:
    """While it lasts, no variable of this process holds a credential.

    Other processes may not read this one's memory or first environment either, where
    the system has that: Linux, and not as root.

    Args:
        names: Variables that hold one, beside those that are called like one.
        keep: Variables to leave all the same; globs.
    """
    before = dict(os.environ)
    for name, value in before.items():
        if name in set(names) or (_holds_secret(name, value) and not _any(name, keep)):
            del os.environ[name]
    os.environ.update(_GIT)
    _set_dumpable(False)
    try:
        yield
    finally:
        _set_dumpable(True)
        for name in _GIT.keys() - before.keys():
            os.environ.pop(name, None)
        os.environ.update(before)


def _holds_secret(name: str, value: str) -> bool:
    if is_secret_name(name):
        return True
    proxy = name.lower().endswith("_proxy")  # without it nothing could be reached
    return not proxy and _PASSWORD.search(value) is not None


def _any(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _set_dumpable(dumpable: bool) -> None:
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, int(dumpable), 0, 0, 0)
