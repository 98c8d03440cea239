"""Tool call ids that every provider accepts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from hashlib import blake2b
from itertools import count
from typing import Final


MAX_ID: Final = 40
"""Characters; OpenAI's chat limit, and short enough for ``fc_`` before it (64)."""
SHORT: Final = 9
"""Characters of an id at Mistral, exactly."""
THOUGHT: Final = "__thought__"
"""What litellm puts between a Gemini call id and its thought signature."""
_NOT_IN_ID: Final = re.compile(r"[^A-Za-z0-9_-]")
_SHORT_ID: Final = re.compile(r"[A-Za-z0-9]{9}")

Clean = Callable[[str], str]


@lru_cache(maxsize=4096)
def clean_id(id_: str) -> str:
    """``id_`` in letters, digits, ``_`` and ``-``; unchanged if it is such already."""
    plain = _NOT_IN_ID.sub("_", id_.split(THOUGHT, 1)[0])
    if len(plain) > MAX_ID:
        # The end is what differs between ids with a long common prefix.
        return f"{plain[: MAX_ID - SHORT - 1]}_{_hash(id_)}"
    return plain or "call"


@lru_cache(maxsize=4096)
def short_id(id_: str) -> str:
    """``id_`` as nine letters or digits; unchanged if it is such already."""
    return id_ if _SHORT_ID.fullmatch(id_) else _hash(id_)


def distinct(ids: Iterable[str], taken: set[str], clean: Clean) -> tuple[str, ...]:
    """``ids`` cleaned, and where one is ``taken`` made another; adds them to it.

    What an id becomes depends on those before it alone, so a history that grows
    keeps the prefix that a provider has cached.
    """
    chosen: list[str] = []
    for id_ in ids:
        new = clean(id_)
        if new in taken:
            tries = (clean(f"{new[: MAX_ID - 6]}_{n}") for n in count(2))
            new = next(other for other in tries if other not in taken)
        taken.add(new)
        chosen.append(new)
    return tuple(chosen)


def _hash(id_: str) -> str:
    encoded = id_.encode("utf-8", "surrogatepass")
    return blake2b(encoded, digest_size=8).hexdigest()[:SHORT]
