"""What ``[sandbox]`` says."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field


class Sandbox(StrEnum):
    """Where an agent and its tools run."""

    LOCAL = "local"
    """On this machine, as this user: no boundary."""
    DOCKER = "docker"
    """In a container of its own."""
    REMOTE = "remote"
    """On an agent-server."""


class SandboxSettings(BaseModel):
    """Where sandboxes come from; see docs/sandboxes.md."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    image: str = Field(
        default="",
        description="Image of an agent-server that has this package; "
        '"": one is built on the SDK\'s own.',
    )
    host: str = Field(default="", description="Address of an agent-server.")
