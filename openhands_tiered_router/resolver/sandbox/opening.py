"""The one place where a sandbox is opened, and what goes wrong with one in words."""

from __future__ import annotations

import importlib.util
import os
import secrets
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Final
from uuid import UUID

from openhands_tiered_router.config.resolver import Sandbox, SandboxSettings
from openhands_tiered_router.pages import doc_page
from openhands_tiered_router.resolver.errors import ResolveError, UsageProblem
from openhands_tiered_router.resolver.sandbox import docker, image


if TYPE_CHECKING:
    from openhands.sdk.workspace import RemoteWorkspace


ROOT: Final = "/tmp/tiered-router"
"""Directory in a sandbox, below which each conversation has its own."""

_LOCAL: Final = (
    "or ask for --sandbox local: the agent then runs as you, and what it is talked "
    "into is done with your rights"
)
_KEY: Final = "container.key"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where one conversation has its sandbox."""

    sandbox: Sandbox
    settings: SandboxSettings
    conversation: UUID
    directory: Path
    """Of this conversation, on this machine."""
    api_key: str | None = field(default=None, repr=False)
    """Of the agent-server of ``remote``."""
    tell: Callable[[str], None] = lambda _: None
    """Told what takes a while."""

    @property
    def working_dir(self) -> str:
        """The workspace's, in the sandbox."""
        return f"{ROOT}/{self.conversation.hex}"

    @property
    def volume(self) -> str:
        """Keeps the conversation, telemetry and budgets from container to container."""
        return f"tiered-router-{self.conversation.hex}"


def check(chosen: Sandbox, settings: SandboxSettings) -> None:
    """Whether it can be used here; asked before anything is copied or paid for.

    Raises:
        UsageProblem: It cannot; says why, and what to do.
    """
    if chosen is Sandbox.REMOTE and not settings.host:
        raise UsageProblem("no agent-server is known; set host in [sandbox]")
    if chosen is not Sandbox.DOCKER:
        return
    if importlib.util.find_spec("openhands.workspace") is None:
        raise UsageProblem(
            "the Docker sandbox needs openhands-workspace; install "
            f"openhands-tiered-router[sandbox], {_LOCAL}"
        )
    try:
        docker.platform_of_daemon()
    except UsageProblem as problem:
        raise UsageProblem(f"{problem}, {_LOCAL}") from None


@contextmanager
def opened(place: Place) -> Iterator[RemoteWorkspace]:
    """The workspace of a sandbox, for as long as it is used.

    Raises:
        ResolveError: It cannot be opened.
    """
    if place.sandbox is Sandbox.REMOTE:
        from openhands.sdk.workspace import RemoteWorkspace

        host = place.settings.host
        workspace = RemoteWorkspace(
            host=host, working_dir=place.working_dir, api_key=place.api_key
        )
        with workspace:
            if not workspace.alive:
                raise ResolveError(
                    f"no agent-server answers at {host}; start it, or set host in "
                    "[sandbox]"
                )
            # Asked now, when a refused key can still be reported as such.
            known = workspace.client.get("/api/conversations/search?limit=1")
            known.raise_for_status()
            yield workspace
        return
    platform = docker.platform_of_daemon()
    name = _image(place, platform)
    place.tell("Starting the container")
    with (
        _ended_by_sigterm(),
        docker.container(
            name,
            platform,
            place.working_dir,
            volume=place.volume,
            key=_key(place.directory),
        ) as workspace,
    ):
        yield workspace


def forget(place: Place) -> None:
    """Removes what a sandbox of this machine keeps between two runs."""
    if place.sandbox is Sandbox.DOCKER:
        docker.remove_volume(place.volume)


def _image(place: Place, platform: docker.PlatformType) -> str:
    chosen = place.settings.image
    if not chosen:
        name = image.tag()
        if not docker.is_here(name):
            place.tell(f"Building {name} on {image.base_image()}; this is done once")
            docker.build(name, image.context(), platform)
        return name
    if not docker.is_here(chosen):
        place.tell(f"Pulling {chosen}")
        docker.pull(chosen, platform)
    return chosen


def _key(directory: Path) -> str:
    """The agent-server's key: the same in each container of a conversation, since the
    models' keys in its volume are encrypted with it."""
    path = directory / _KEY
    directory.mkdir(parents=True, exist_ok=True)
    # Whole before it has its name: a process that ends here leaves no empty key.
    handle, own = tempfile.mkstemp(dir=directory)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(32))
        with suppress(FileExistsError):
            os.link(own, path)
    finally:
        os.unlink(own)
    return path.read_text(encoding="ascii")


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """A process that is asked to end takes its container with it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, _: FrameType | None) -> None:
        sys.exit(128 + number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


_STATUSES: Final = {
    401: "the agent-server refuses the key; set OH_SESSION_API_KEYS_0 to its own",
    403: "the agent-server refuses the key; set OH_SESSION_API_KEYS_0 to its own",
    422: "the agent-server does not know our agent: it has not this package, or "
    f"another version of it; see {doc_page('agent-server')}",
    429: "the agent-server runs as many conversations as it may; try again later",
}


@contextmanager
def told(place: Place) -> Iterator[None]:
    """Turns what the SDK raises while a sandbox is used into an error with a remedy.

    Raises:
        ResolveError: In place of any error of the network or of the SDK's workspaces.
    """
    import subprocess

    import httpx

    broken = (httpx.HTTPError, subprocess.SubprocessError, RuntimeError, OSError)
    try:
        yield
    except httpx.HTTPStatusError as error:
        status = error.response.status_code
        said = _STATUSES.get(status, f"the agent-server answered {status}; see its log")
        raise ResolveError(said) from None
    except (*broken, ValueError) as error:
        where = place.settings.host or "the container"
        if place.sandbox is Sandbox.DOCKER:
            where = "the container"
        raise ResolveError(
            f"{where} cannot be used any more ({type(error).__name__}); check that it "
            "runs, then run again to go on"
        ) from None
