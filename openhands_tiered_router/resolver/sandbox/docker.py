"""Docker by its own command: whether it runs, its images, and one container."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from typing import TYPE_CHECKING, Any, Final

from openhands_tiered_router.resolver.errors import ResolveError, UsageProblem


if TYPE_CHECKING:
    from openhands.sdk.workspace import PlatformType, RemoteWorkspace
    from openhands.workspace import DockerWorkspace


STATE: Final = "/var/lib/tiered-router"
"""Directory in a container that outlives it, in a volume."""
SESSION_KEY: Final = "OH_SESSION_API_KEYS_0"
"""Variable with an agent-server's key."""

_SECONDS: Final = 30.0
_PULL_SECONDS: Final = 3_600.0
_HEALTH_SECONDS: Final = 300.0
"""For a server to answer: it imports the SDK, ten seconds on an idle machine."""
_PORTS: Final = 5
"""Ports to try: others may take the one that was free a moment ago."""
_STDERR: Final = 2
"""The file itself: standard output is for this command's own lines."""
_SHOWN: Final = 600
"""Characters of what Docker said, from its end."""
_TAKEN: Final = ("port is already allocated", "address already in use", "not available")
_PLATFORMS: Final[dict[str, PlatformType]] = {
    "linux/amd64": "linux/amd64",
    "linux/arm64": "linux/arm64",
}


def platform_of_daemon() -> PlatformType:
    """What containers run on here.

    Raises:
        UsageProblem: There is no Docker, or its daemon does not answer.
    """
    if shutil.which("docker") is None:
        raise UsageProblem("Docker is not installed: no command docker; install it")
    try:
        done = _docker("version", "--format", "{{.Server.Os}}/{{.Server.Arch}}")
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UsageProblem(
            f"the command docker cannot be run: {type(error).__name__}; check that "
            "`docker version` works"
        ) from None
    if done.returncode:
        raise UsageProblem(
            f"Docker's daemon does not answer ({last_words(done.stderr)}); start it, "
            "and see that this user may use it"
        )
    found = _PLATFORMS.get(done.stdout.strip())
    if found is None:
        raise UsageProblem(
            f"Docker runs {done.stdout.strip()} here; agent-servers need "
            f"{' or '.join(_PLATFORMS)}"
        )
    return found


def is_here(image: str) -> bool:
    """Whether the image need not be pulled or built any more."""
    return _docker("image", "inspect", "--format", "{{.Id}}", image).returncode == 0


def pull(image: str, platform: PlatformType) -> None:
    """Fetches an image; Docker's own progress goes to standard error.

    Raises:
        ResolveError: It cannot be had.
    """
    _shown(
        ["pull", "--platform", platform, image],
        f"the image {image} cannot be pulled; check its name in [sandbox] image, and "
        "`docker login` if it is not public",
    )


def build(tag: str, context: bytes, platform: PlatformType) -> None:
    """Builds an image; Docker's own progress goes to standard error.

    Args:
        tag: Its name.
        context: A tar archive with a Dockerfile.
        platform: What it runs on.

    Raises:
        ResolveError: It cannot be built.
    """
    _shown(
        ["build", "--platform", platform, "--tag", tag, "-"],
        "the sandbox's image cannot be built; see what Docker says above. Without "
        "a network, set [sandbox] image to an agent-server with this package",
        context,
    )


def remove_volume(name: str) -> None:
    """Removes what a container left behind, if it can: the work is done by then."""
    with suppress(OSError, subprocess.TimeoutExpired):
        _docker("volume", "rm", "--force", name)


@contextmanager
def container(
    image: str, platform: PlatformType, directory: str, *, volume: str, key: str
) -> Iterator[RemoteWorkspace]:
    """An agent-server in a container of its own, which is removed at the end.

    Args:
        image: One that is here.
        platform: What it runs on.
        directory: The workspace's in the container.
        volume: Keeps ``STATE`` from one container to the next.
        key: The agent-server's, so that nobody else on this machine can use it.

    Raises:
        ResolveError: It did not start.
    """
    with _silent():
        workspace = _started(image, platform, directory, volume, key)
    # Some releases of the SDK start a server with a key, and then forget it.
    object.__setattr__(workspace, "api_key", key)
    workspace.reset_client()
    try:
        yield workspace
    finally:
        workspace.reset_client()
        with _silent():
            workspace.cleanup()


def _started(
    image: str, platform: PlatformType, directory: str, volume: str, key: str
) -> DockerWorkspace:
    said = ""
    for _ in range(_PORTS):
        workspace, said = _attempt(
            server_image=image,
            working_dir=directory,
            forward_env=[SESSION_KEY],
            volumes=[f"{volume}:{STATE}"],
            platform=platform,
            key=key,
        )
        if workspace is not None:
            return workspace
        if not any(words in said for words in _TAKEN):
            break
    raise ResolveError(_problem(image, said))


def _attempt(key: str, **fields: Any) -> tuple[DockerWorkspace | None, str]:
    """The workspace, or what the SDK said; a container that failed is gone by then,
    since nothing refers to it any more."""
    from openhands.workspace import DockerWorkspace

    try:
        with _variable(SESSION_KEY, key):
            return DockerWorkspace(
                **fields, detach_logs=False, health_check_timeout=_HEALTH_SECONDS
            ), ""
    except RuntimeError as error:
        return None, str(error)


@contextmanager
def _silent() -> Iterator[None]:
    """The SDK repeats what Docker says on standard output, which is not for it."""
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        yield


def _problem(image: str, said: str) -> str:
    """What the SDK's ``DockerWorkspace`` ran into, and the remedy."""
    if said.startswith("Container stopped"):
        return (
            f"the container of {image} stopped before it served; check that this is "
            f"an agent-server with this package. It said: {last_words(said)}"
        )
    if said.startswith("Container failed"):
        return (
            f"the container of {image} did not answer within {_HEALTH_SECONDS:.0f} s; "
            "if Docker's daemon is on another machine (DOCKER_HOST), start an "
            "agent-server there, and use --sandbox remote"
        )
    return f"Docker cannot run {image}: {last_words(said)}"


def last_words(said: str) -> str:
    """The end of what a program said, in one line."""
    return " ".join(said.split())[-_SHOWN:] or "it said nothing"


def _docker(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["docker", *words],
        capture_output=True,
        text=True,
        errors="replace",
        timeout=_SECONDS,
        check=False,
    )


def _shown(words: Sequence[str], problem: str, given: bytes = b"") -> None:
    try:
        done = subprocess.run(
            ["docker", *words],
            input=given,
            stdout=_STDERR,
            timeout=_PULL_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ResolveError(f"{problem} (nothing for an hour)") from None
    if done.returncode:
        raise ResolveError(f"{problem} (docker {words[0]}: {done.returncode})")


@contextmanager
def _variable(name: str, value: str) -> Iterator[None]:
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
