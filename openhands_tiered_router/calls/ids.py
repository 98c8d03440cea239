"""Names for decisions."""

from __future__ import annotations

import os
import time
from uuid import UUID


def new_decision_id() -> str:
    """A UUID of version 7 (RFC 9562): ids sort by the time, in ms, they were made at.

    Neighbours in time are then neighbours in the file's index. The standard library
    has it from Python 3.14 on.
    """
    milliseconds = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10))
    value = (milliseconds & (1 << 48) - 1) << 80 | random
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return str(UUID(int=value))
