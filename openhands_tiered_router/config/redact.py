"""Showing a value in an error without ever showing a secret."""

from __future__ import annotations

import re
from typing import Any, Final


_SECRET_NAME: Final = re.compile(
    r"(api[-_]?key$|secret|^token$|(auth|access|bearer|session)_?token$|passw"
    r"|credential|authorization|access_key)",
    re.IGNORECASE,
)
_SECRET_PREFIX: Final = re.compile(
    r"((sk|pk|rk|xai|gsk|hf|ghp|gho|github_pat|glpat)[-_]|AIza|AKIA|ASIA|eyJ|Bearer )"
)
_RANDOM: Final = re.compile(
    r"(?=[A-Za-z]*\d)(?=\d*[A-Za-z])[A-Za-z0-9]{16,}"
    r"|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
)
_PASSWORD_IN_URL: Final = re.compile(r"://[^/\s]*@")
_MAX_SHOWN: Final = 60
HIDDEN: Final = "(hidden: may be a secret)"


def is_secret_name(name: str) -> bool:
    """Whether a key of that name usually holds a secret."""
    return _SECRET_NAME.search(name) is not None


def looks_secret(text: str) -> bool:
    """Whether ``text`` has the form of a key, a token or a password in a URL.

    Errs on the side of hiding: any run of 16 letters and digits counts. The names of
    settings and models have shorter ones.
    """
    patterns = (_SECRET_PREFIX.match, _PASSWORD_IN_URL.search, _RANDOM.search)
    return any(pattern(text) for pattern in patterns)


def shown(value: Any, name: str = "", length: int = _MAX_SHOWN) -> str:
    """``value`` of the key ``name`` for a message: short, and never a secret."""
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list | tuple | set):
        return "a list"
    if is_secret_name(name) or looks_secret(str(value)):
        return HIDDEN
    text = repr(value)
    return text if len(text) <= length else text[: length - 1] + "…"
