"""Keeping what must not be stored out of what is stored.

Records hold names, numbers and reasons, never prompts. But names come from models
and providers, and reasons from rules that users write, so each text passes here.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from typing import Final

from openhands_tiered_router import redaction


MAX_TEXT: Final = 500
"""Characters kept of a reason or a piece of evidence: a sentence, not a document."""

MAX_NAME: Final = 200
"""Characters kept of a name or id; ids of answers run to about 100."""

_REMEMBERED: Final = 2_000


def text(value: str) -> str:
    """The text with keys and e-mail addresses replaced, cut to ``MAX_TEXT``."""
    return _redacted(value[: 2 * MAX_TEXT])[:MAX_TEXT]


def name(value: str) -> str:
    """A name with keys and e-mail addresses replaced, cut to ``MAX_NAME``."""
    return _redacted(value[: 2 * MAX_NAME])[:MAX_NAME]


def identifier(value: str) -> str:
    """An id from outside; one that is too long becomes a digest of itself.

    Equal ids stay equal, so records that name each other still meet. Some gateways
    pack routing data into response ids, hundreds of characters of it.
    """
    if len(value) <= MAX_NAME:
        return _encodable(value)
    digest = blake2b(value.encode(errors="replace"), digest_size=16).hexdigest()
    return f"blake2b:{digest}"


# The same names and reasons come again and again, and the search takes microseconds.
@lru_cache(_REMEMBERED)
def _redacted(value: str) -> str:
    return redaction.redacted(_encodable(value))


def _encodable(value: str) -> str:
    """SQLite stores UTF-8, which has no place for lone surrogates; and control
    characters in a name could write to the terminal that shows it."""
    encodable = value.encode(errors="replace").decode()
    return encodable if encodable.isprintable() else encodable.translate(_Controls())


class _Controls(dict[int, str | int]):
    """Replaces what is not printable, line breaks and bidirectional marks too."""

    def __missing__(self, code: int) -> str | int:
        return code if chr(code).isprintable() else "\N{REPLACEMENT CHARACTER}"
