"""Files that we wrote, known again by a line in their frontmatter.

The line holds a digest of the rest of the file: so a file that nobody has touched can
be replaced by a newer one, and one that somebody has edited is left alone, with no list
of files to keep beside them.
"""

from __future__ import annotations

import hashlib
import re
from enum import StrEnum
from typing import Final


_LINE: Final = re.compile(r"^  tiered-router: ([0-9a-f]{12})\n", re.MULTILINE)
_FENCE: Final = "---\n"
_METADATA: Final = "metadata:\n"


class Origin(StrEnum):
    """Who has a file's text last written."""

    OURS = "ours"
    EDITED = "edited"
    """By somebody, after us."""
    FOREIGN = "foreign"


def stamped(text: str) -> str:
    """``text`` with our line under ``metadata`` in its frontmatter.

    Raises:
        ValueError: It has no frontmatter, or one with ``metadata`` already.
    """
    head, found, body = text.removeprefix(_FENCE).partition(f"\n{_FENCE}")
    if not text.startswith(_FENCE) or not found or _METADATA in head:
        raise ValueError("needs a frontmatter without metadata")
    line = f"  tiered-router: {_digest(f'{head}\n{body}')}\n"
    return f"{_FENCE}{head}\n{_METADATA}{line}{_FENCE}{body}"


def origin(text: str) -> Origin:
    """Who wrote it; line ends do not matter, since git may change them."""
    text = text.replace("\r\n", "\n")
    found = _LINE.search(text)
    if found is None:
        return Origin.FOREIGN
    bare = text.replace(_METADATA + found[0], "", 1)
    head, _, body = bare.removeprefix(_FENCE).partition(f"\n{_FENCE}")
    return Origin.OURS if _digest(f"{head}\n{body}") == found[1] else Origin.EDITED


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]
