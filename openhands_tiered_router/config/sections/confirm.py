"""``[confirm]``: before which actions somebody is asked."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from openhands_tiered_router.config.fields import Section
from openhands_tiered_router.guards.confirm.settings import (
    ConfirmSettings,
    Mode,
    Sensitivity,
)


_DEFAULT: Final = ConfirmSettings()


def _sensitivity(value: Any) -> Sensitivity:
    return _one_of(Sensitivity, value)


def _mode(value: Any) -> Mode:
    return _one_of(Mode, value)


def _one_of(choices: Any, value: Any) -> Any:
    try:
        return choices(value)
    except ValueError:
        remedy = f"Write one of {', '.join(choices)}"
        raise PydanticCustomError(
            "choice", "is no such choice", {"remedy": remedy}
        ) from None


def _command(value: str) -> str:
    from openhands_tiered_router.guards.confirm.shell import first_words  # tree-sitter

    if first_words(value) is None:
        raise PydanticCustomError(
            "command",
            "is not one plain command",
            {"remedy": "Write its first words, such as pytest or npm test"},
        )
    return value


def _directory(value: str) -> str:
    if not value.startswith("/"):
        raise PydanticCustomError(
            "directory",
            "is not an absolute path",
            {"remedy": "Write it from / on, such as /usr/lib/python3"},
        )
    return value


class ConfirmConfig(Section):
    """Before which actions somebody is asked."""

    enabled: bool = _DEFAULT.enabled
    """Judge each action, and hold those back that need a yes. Off: it changes runs."""
    sensitivity: Annotated[Sensitivity, BeforeValidator(_sensitivity)] = (
        _DEFAULT.sensitivity
    )
    """low asks before high risk; normal before medium risk too; high also before
    every edit."""
    mode: Annotated[Mode, BeforeValidator(_mode)] = _DEFAULT.mode
    """queue sets an action aside and lets the rest go on; stop waits with all of the
    response, as the SDK does."""
    sensitive_paths: tuple[Annotated[str, Field(min_length=1)], ...] = (
        _DEFAULT.sensitive_paths
    )
    """Globs, such as ``migrations/*``: an edit of these is medium risk."""
    readable: tuple[Annotated[str, AfterValidator(_directory)], ...] = _DEFAULT.readable
    """Directories outside the workspace that may be read without a yes."""
    commands: tuple[Annotated[str, AfterValidator(_command)], ...] = _DEFAULT.commands
    """Beginnings of commands that need no yes, such as ``pytest``."""

    def to_settings(self) -> ConfirmSettings:
        """What the judge takes."""
        return ConfirmSettings(**dict(self))
