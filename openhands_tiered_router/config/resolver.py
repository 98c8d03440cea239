"""``[resolver]`` and ``[sandbox]``: what ``resolve`` may do, and where agents run.

They are here rather than in the resolver, which is above the configuration.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Field

from openhands_tiered_router.fields import Number, Section, fault


Usd = Annotated[Number, Field(gt=0, le=1_000_000)]


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


class ResolverSettings(Section):
    """What ``tiered-router resolve`` may do; see docs/resolver.md."""

    sandbox: Sandbox = Sandbox.DOCKER
    """Where the agent and its tools run: ``docker``, ``remote`` or ``local``, which
    is no boundary. Issues are written by strangers."""
    usd: Usd = 2.0
    """Budget of one issue, USD, all its runs together."""
    max_usd: Usd = 10.0
    """Most that a label such as ``budget:5`` may set it to, USD."""
    trusted: tuple[str, ...] = ()
    """Accounts whose labels are obeyed, beside those with rights in the project."""
    keep: tuple[str, ...] = ()
    """Variables that the agent may see though they may hold secrets; globs."""
