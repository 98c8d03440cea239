"""What an OpenHands LLM profile says of its model, read without the SDK."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final


_HARMLESS: Final = (
    "model",
    "base_url",
    "max_input_tokens",
    "input_cost_per_token",
    "output_cost_per_token",
    "disable_vision",
    "native_tool_calling",
    "capability_overrides",
)
"""The fields that are taken over here; none holds a secret."""


def profile_dir(environ: Mapping[str, str] | None = None) -> Path:
    """Where the SDK keeps profiles (its ``get_user_persistence_dir``)."""
    base = (os.environ if environ is None else environ).get("OH_PERSISTENCE_DIR")
    return (Path(base) if base else Path.home() / ".openhands") / "profiles"


def profile_secret(environ: Mapping[str, str]) -> str | None:
    """What an agent-server encrypts the keys in its profiles with, if it does."""
    names = ("OH_SECRET_KEY", "SESSION_API_KEY", "OH_SESSION_API_KEYS_0")
    return next((environ[name] for name in names if environ.get(name)), None)


def read_profile(name: str, directory: Path) -> dict[str, Any]:
    """The fields of the profile ``name`` that decisions need; no secret.

    Raises:
        ValueError: There is no such profile, or it is not readable; says what to do.
    """
    path = directory / f"{name.removesuffix('.json')}.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        names = sorted(file.stem for file in directory.glob("*.json"))
        have = f"the profiles are {', '.join(names)}" if names else "no profile exists"
        raise ValueError(f"does not exist in {directory}; {have}") from None
    except (OSError, ValueError, RecursionError):
        raise ValueError(f"cannot be read from {path}") from None
    if not isinstance(content, dict) or not isinstance(content.get("model"), str):
        raise ValueError(f"in {path} names no model")
    return {name: content[name] for name in _HARMLESS if content.get(name) is not None}
