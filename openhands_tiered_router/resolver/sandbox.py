"""Whether a sandbox can be used, told before anything is copied or paid for."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
from typing import Final

from openhands_tiered_router.resolver.errors import UsageProblem
from openhands_tiered_router.resolver.settings import ResolverSettings, Sandbox


_SECONDS: Final = 20.0
_LOCAL: Final = (
    "or ask for --sandbox local: the agent then runs as you, and what an issue talks "
    "it into it does with your rights"
)


def check(chosen: Sandbox, settings: ResolverSettings) -> None:
    """Whether it can be used here.

    Raises:
        UsageProblem: It cannot; says why, and what to do.
    """
    if chosen is Sandbox.REMOTE and not settings.host:
        raise UsageProblem("no agent-server is known; set host in [resolver]")
    if chosen is not Sandbox.DOCKER:
        return
    if importlib.util.find_spec("openhands.workspace") is None:
        raise UsageProblem(
            "the Docker sandbox needs openhands-workspace; install "
            f"openhands-tiered-router[sandbox], {_LOCAL}"
        )
    if not _docker_runs():
        raise UsageProblem(
            f"Docker is not available; install it or start its daemon, {_LOCAL}"
        )
    if not settings.image:
        raise UsageProblem(
            "no image is known; set image in [resolver] to an agent-server that has "
            f"this package (docs/resolver.md), {_LOCAL}"
        )


def _docker_runs() -> bool:
    docker = shutil.which("docker")
    if docker is None:
        return False
    try:
        words = [docker, "version", "--format", "{{.Server.Version}}"]
        done = subprocess.run(words, capture_output=True, timeout=_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
