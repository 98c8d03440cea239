"""``[confirm]``: before which actions somebody is asked; the defaults ask nobody."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Field

from openhands_tiered_router.fields import Section, fault
from openhands_tiered_router.guards.confirm.verdict import Level


class Sensitivity(StrEnum):
    """How much harm a wrong action can do in this repository."""

    LOW = "low"
    """Asks before high risk only."""
    NORMAL = "normal"
    """Asks before medium risk too; edits inside the workspace are low risk."""
    HIGH = "high"
    """As normal, and an edit is medium risk."""


class Mode(StrEnum):
    """What happens to an action that needs a yes."""

    QUEUE = "queue"
    """It is set aside; the others of the same response run, and the agent goes on."""
    STOP = "stop"
    """The SDK's confirmation mode: the whole response waits."""


def _command(value: str) -> str:
    from openhands_tiered_router.guards.confirm.commands import first_words

    if first_words(value) is None:
        remedy = "Write its first words, such as pytest or npm test"
        raise fault("is not one plain command", remedy)
    return value


def _directory(value: str) -> str:
    if not value.startswith("/"):
        remedy = "Write it from / on, such as /usr/lib/python3"
        raise fault("is not an absolute path", remedy)
    return value


class ConfirmSettings(Section):
    """Before which actions somebody is asked; see docs/confirmation.md."""

    enabled: bool = False
    """Judge each action, and hold those back that need a yes. Off: it changes runs."""
    sensitivity: Sensitivity = Sensitivity.NORMAL
    """low asks before high risk; normal before medium risk too; high also before
    every edit."""
    mode: Mode = Mode.QUEUE
    """queue sets an action aside and lets the rest go on; stop waits with all of the
    response, as the SDK does."""
    sensitive_paths: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    """Globs, such as ``migrations/*``: an edit of these is medium risk at least."""
    readable: tuple[Annotated[str, AfterValidator(_directory)], ...] = ()
    """Directories outside the workspace that may be read without a yes."""
    commands: tuple[Annotated[str, AfterValidator(_command)], ...] = ()
    """Beginnings of commands that need no yes, such as ``pytest``."""

    @property
    def asks_from(self) -> Level:
        """The level from which somebody is asked."""
        return Level.HIGH if self.sensitivity is Sensitivity.LOW else Level.MEDIUM

    @property
    def edit_level(self) -> Level:
        """The level of an ordinary edit inside the workspace."""
        return Level.MEDIUM if self.sensitivity is Sensitivity.HIGH else Level.LOW
