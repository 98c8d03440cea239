"""Keeping what must not be stored out of what is stored.

Records hold names, numbers and reasons, never prompts. But names come from models
and providers, and reasons from rules that users write, so each text passes here.
"""

from __future__ import annotations

import re
from functools import lru_cache
from hashlib import blake2b
from typing import Final


MAX_TEXT: Final = 500
"""Characters kept of a reason or a piece of evidence: a sentence, not a document."""

MAX_NAME: Final = 200
"""Characters kept of a name or id; ids of answers run to about 100."""

_REMEMBERED: Final = 2_000

REDACTED: Final = "[redacted]"

_SECRET: Final = re.compile(
    r"""
      \b(?:sk|pk|rk)[-_][A-Za-z0-9_-]{16,}        # OpenAI, Anthropic, Stripe, LiteLLM
    | \bgh[pousr]_[A-Za-z0-9]{20,}                # GitHub
    | \bgithub_pat_[A-Za-z0-9_]{20,}
    | \bglpat-[A-Za-z0-9_-]{16,}                  # GitLab
    | \bxox[a-z]-[A-Za-z0-9-]{10,}                # Slack
    | \bAIza[A-Za-z0-9_-]{30,}                    # Google
    | \b(?:AKIA|ASIA)[A-Z0-9]{16}\b               # AWS
    | \bhf_[A-Za-z0-9]{20,}                       # Hugging Face
    | \bgsk_[A-Za-z0-9]{20,}                      # Groq
    | \beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,} # JSON web token
    | -----BEGIN[ A-Z]*PRIVATE[ ]KEY
    | \bBearer\s+[A-Za-z0-9._~+/-]{8,}
    | //[^/\s:@]+:[^/\s@]+@                       # password in an address
    """,
    re.VERBOSE,
)


def text(value: str) -> str:
    """The text with what looks like a key replaced, cut to ``MAX_TEXT``."""
    return _redacted(value[: 2 * MAX_TEXT])[:MAX_TEXT]


def name(value: str) -> str:
    """A name with what looks like a key replaced, cut to ``MAX_NAME``."""
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
    return _SECRET.sub(REDACTED, _encodable(value))


def _encodable(value: str) -> str:
    """SQLite stores UTF-8, which has no place for lone surrogates."""
    return value.encode(errors="replace").decode()
