"""Who is asked before which actions; the defaults ask nobody."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

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


class ConfirmSettings(BaseModel):
    """See ``[confirm]`` in the configuration."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    enabled: bool = False
    sensitivity: Sensitivity = Sensitivity.NORMAL
    mode: Mode = Mode.QUEUE
    sensitive_paths: tuple[str, ...] = Field(
        default=(), description="Globs; an edit of these is medium risk at least."
    )
    readable: tuple[str, ...] = Field(
        default=(), description="Directories outside the workspace that may be read."
    )
    commands: tuple[str, ...] = Field(
        default=(), description="Beginnings of commands that need no yes."
    )

    @property
    def asks_from(self) -> Level:
        """The level from which somebody is asked."""
        return Level.HIGH if self.sensitivity is Sensitivity.LOW else Level.MEDIUM

    @property
    def edit_level(self) -> Level:
        """The level of an ordinary edit inside the workspace."""
        return Level.MEDIUM if self.sensitivity is Sensitivity.HIGH else Level.LOW
