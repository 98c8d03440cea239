"""Numbers that tell whether two texts are equal, and nothing else of them."""

from __future__ import annotations

import os
from hashlib import blake2b
from typing import Final

from openhands_tiered_router.policy.actions import steady


_KEY: Final = os.urandom(16)
"""Of this process and never stored: who has the file cannot try texts against it."""

_READ: Final = 4_000
"""Characters from the end of a text: where tests and compilers say what is wrong."""


def fingerprint(*texts: str) -> int:
    """31 bits that are equal for equal texts within a process and its forks.

    Times, durations and addresses do not count."""
    hashed = blake2b(digest_size=4, key=_KEY)
    for text in texts:
        hashed.update(steady(text[-_READ:]).encode(errors="replace"))
        hashed.update(b"\0")
    return int.from_bytes(hashed.digest()) >> 1
