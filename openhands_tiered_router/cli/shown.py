"""A configuration as it is understood, without its secrets."""

from __future__ import annotations

from enum import Enum
from typing import Any, Final

from pydantic import SecretStr

from openhands_tiered_router.config import RouterConfig
from openhands_tiered_router.config.schema import keys_of
from openhands_tiered_router.fields import Section
from openhands_tiered_router.redaction import HIDDEN, is_secret_name, looks_secret


_GATHERED: Final = ("llm", "long_context")
"""Keys that stand beside the others in a file."""
_HEADERS: Final = ("headers", "extra_headers", "default_headers")
_VARIABLE: Final = "os.environ/"
"""How LiteLLM's configuration names an environment variable."""


def shown_config(config: RouterConfig, *, defaults: bool = False) -> dict[str, Any]:
    """Plain data, in the form of a file.

    Args:
        config: What was read.
        defaults: Also what the file does not say.
    """
    return _table(config, defaults)


def without_secrets(data: dict[str, Any]) -> dict[str, Any]:
    """Plain data with a note in the place of what may be a secret."""
    return _plain("", data, defaults=False)


def _table(model: Section, defaults: bool) -> dict[str, Any]:
    names = keys_of(type(model))
    said = [n for n in names if defaults or n in model.model_fields_set]
    table: dict[str, Any] = {}
    for name in said:
        value = _plain(name, getattr(model, name), defaults)
        if name in _GATHERED and isinstance(value, dict):
            table |= value
        elif value is not None:
            table[name] = value
    return table


def _plain(name: str, value: Any, defaults: bool) -> Any:
    if isinstance(value, Section):
        return _table(value, defaults)
    if isinstance(value, dict) and name in _HEADERS:
        # Any header may hold a credential, whatever it is called.
        return {str(k): HIDDEN for k in value}
    if isinstance(value, dict):
        return {str(k): _plain(str(k), v, defaults) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(name, each, defaults) for each in value]
    return hidden(name, value)


def hidden(name: str, value: Any) -> Any:
    """A single value as plain data, or a note in its place if it may be a secret."""
    text = str(value)
    if isinstance(value, SecretStr):
        return HIDDEN
    if isinstance(value, Enum | str):
        named = is_secret_name(name) and not text.startswith(_VARIABLE)
        return HIDDEN if text and (named or looks_secret(text)) else text
    return value
