"""``[sandbox]``: where ``--sandbox docker`` and ``--sandbox remote`` run."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator

from openhands_tiered_router.fields import Section, fault


class Sandbox(StrEnum):
    """Where an agent and its tools run."""

    LOCAL = "local"
    """On this machine, as this user: no boundary."""
    DOCKER = "docker"
    """In a container of its own."""
    REMOTE = "remote"
    """On an agent-server."""


def _host(value: str) -> str:
    if value and not value.startswith(("http://", "https://")):
        raise fault("is not an http address", "Write it as http://127.0.0.1:8000")
    return value


def _image(value: str) -> str:
    """An image that began with a dash would be an option of ``docker run``."""
    if value.startswith("-") or " " in value:
        remedy = "Write it as registry.example/agent-server:1.0"
        raise fault("is not the name of an image", remedy)
    return value


class SandboxSettings(Section):
    """Where sandboxes come from; see docs/sandboxes.md."""

    image: Annotated[str, AfterValidator(_image)] = ""
    """Image for ``docker``: an agent-server that has this package. Empty: one is built
    on the SDK's own image of the installed version."""
    host: Annotated[str, AfterValidator(_host)] = ""
    """Address of the agent-server for ``remote``."""
