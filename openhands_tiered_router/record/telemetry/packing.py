"""How ids, numbers and explanations are made small enough to keep a million of them.

What is written here is read by later releases: a dictionary, once released, never
changes; a better one gets the next version number.
"""

from __future__ import annotations

import math
import re
import zlib
from functools import lru_cache
from hashlib import blake2b
from typing import Final
from uuid import UUID

from openhands_tiered_router.record.telemetry import clean


MILLIONTH: Final = 1e6
"""Of seconds, scores and probabilities: stored as whole millionths, 2 to 4 bytes."""

BILLIONTH: Final = 1e9
"""Of estimated USD: a cached token of the cheapest models costs some 10 of them."""

SHORT_ID: Final = 20
"""Characters up to which an id of others is kept as it is; OpenAI's have 29 or 38."""

_MARK: Final = "blake2b:"
_DIGEST: Final = re.compile(f"{_MARK}[0-7][0-9a-f]{{15}}")

_DEFLATE: Final = -15
"""Window bits of a bare stream: a header and a checksum would be a tenth of it."""

_COMPRESS: Final = (9, zlib.DEFLATED, -14, 8)
"""Level, method, window bits, memory: half of the usual window. Most of the time goes
into memory for it; this takes a quarter, and no byte more for texts up to 16 kB."""

_LEAST: Final = 12
"""Bytes below which nothing is gained."""

_DICTIONARIES: Final = {
    1: (
        b'"cannot see images""cannot call tools""window of  tokens too small for '
        b'"},["pins","the user asked for the caller asked for reasoning"],'
        b'["caps"," or below"],["choose","no endpoint for : up to  down to '
        b'["explore"," tried instead of ["side_request","not a step of the conversati'
        b'on"],["floors","quality_floor: the caller\'s floor: ["risk",": complex or ab'
        b'ove"],["escalation","verification failed: failures in a row: same failure: '
        b'going round: no progress: runaway: asked by a guard: complex or above"],'
        b'["fallback","routing failed with ["cache_lifetime","["task_score","'
        b'["next_turn","first turn on a request"]],["next_turn","mechanical with proba'
        b"bility 0. after list after git after install after cleanup after run after "
        b"finish after script after snippet after shell after think after plan after t"
        b"est after edit after read after search edit failed test failed run failed"
        b'"],["economics","prices not known; "],["economics","complex $0.00 now, $0.00'
        b"00 later, $0.0000 if too weak; medium $0.00 now, $0.00 later, $0.00 if too w"
        b"eak; simple $0.00"
        b'[["medium","complex","reasoning"],[{"endpoint":"simple","tier":"simple","exc'
        b'luded":"","cost_now":0.00,"cost_return":0.0,"warm_tokens":},{"endpoint":"med'
        b'ium","tier":"medium"},{"endpoint":"complex","tier":"complex","cost_now":0.0,'
        b'"cost_return":0.0,"warm_tokens":},{"endpoint":"reasoning","tier":"reasoning"'
        b'}],[["next_turn","mechanical with probability 0."],["economics","complex $0.'
    ),
}
"""What nearly all explanations have in common, most frequent last."""

_NEWEST: Final = max(_DICTIONARIES)

_UNLIKE: Final = 300
"""Bytes from which an explanation is kept whole. Those of recorded sessions take some
150 when the one before is about the same task, and 550 when it is not."""


def digest(value: str) -> int:
    """63 bits that stand for a text: two of a billion are equal with odds of 1:18."""
    hashed = blake2b(value.encode(errors="replace"), digest_size=8).digest()
    return int.from_bytes(hashed) >> 1


def foreign_id(value: str) -> str | int:
    """A provider's id: as it is while short, else its digest. Equal ids stay equal,
    and one that was read from the file is what it was there."""
    if _DIGEST.fullmatch(value):
        return int(value[len(_MARK) :], 16)
    return clean.identifier(value) if len(value) <= SHORT_ID else digest(value)


def foreign_id_text(stored: str | int) -> str:
    return stored if isinstance(stored, str) else f"{_MARK}{stored:016x}"


def own_id(value: str) -> bytes | str:
    """A decision's id: a UUID in its 16 bytes, anything else as it is."""
    try:
        known = UUID(value)
    except ValueError:
        return clean.identifier(value)
    return known.bytes if str(known) == value else clean.identifier(value)


def own_id_text(stored: bytes | str) -> str:
    return stored if isinstance(stored, str) else str(UUID(bytes=stored))


def scaled(value: float | None, per: float) -> int | None:
    """A number in whole parts; ``None`` for one that 63 bits cannot hold.

    What is not zero does not become zero.
    """
    if value is None or not math.isfinite(parts := value * per):
        return None
    whole = round(parts)
    if whole == 0 and value:
        whole = 1 if value > 0 else -1
    return whole if abs(whole) < 2**63 else None


def unscaled(stored: int | None, per: float) -> float | None:
    return None if stored is None else stored / per


@lru_cache(64)
def packed(text: str, like: bytes | None = None) -> bytes:
    """A text compressed: the version of the dictionary, then a deflate stream.

    Args:
        text: What is to be kept.
        like: A packed text that has much in common with it; unpacking needs it too.
    """
    raw = text.encode(errors="replace")
    if len(raw) < _LEAST:
        return b"\0" + raw
    dictionary = _DICTIONARIES[_NEWEST] + (b"" if like is None else _plain(like))
    stream = zlib.compressobj(*_COMPRESS, zdict=dictionary)
    return bytes([_NEWEST]) + stream.compress(raw) + stream.flush()


def unpacked(body: bytes, like: bytes | None = None) -> str:
    """What ``packed`` was given.

    Raises:
        ValueError: It is something else, or of a later release.
    """
    version = body[0] if body else 0
    if version == 0:
        return body[1:].decode()
    try:
        dictionary = _DICTIONARIES[version] + (b"" if like is None else _plain(like))
        stream = zlib.decompressobj(_DEFLATE, zdict=dictionary)
        raw = stream.decompress(body[1:]).decode()
    except (KeyError, zlib.error, UnicodeDecodeError) as error:
        raise ValueError(f"not readable: {type(error).__name__}") from None
    if not stream.eof:
        raise ValueError("not readable: it was cut")
    return raw


@lru_cache(64)
def _plain(packed_text: bytes) -> bytes:
    try:
        return unpacked(packed_text).encode()
    except ValueError:
        return b""


def is_unlike(text: str, like: bytes | None) -> bool:
    """Whether a text is better kept whole, for those after it to be like it."""
    return like is None or len(packed(text, like)) > _UNLIKE
