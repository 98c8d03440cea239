"""The image of ``--sandbox docker``: the SDK's own, with this very package in it.

The SDK's published images hold the agent-server as one frozen executable, which has no
place for packages. What is built on them is a virtual environment beside it, with the
versions that are installed here: client and server understand each other, and what an
agent installs for a project does not touch its own server.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Iterator
from importlib.metadata import requires, version
from pathlib import Path
from typing import Final

from openhands_tiered_router.resolver.errors import ResolveError
from openhands_tiered_router.resolver.sandbox.docker import STATE


PACKAGE: Final = "openhands_tiered_router"
NAME: Final = "tiered-router-sandbox"
"""Of the images that are built; the tag is a hash of what is in them."""

_SDK: Final = ("openhands-sdk", "openhands-tools", "openhands-agent-server")
_AS_HERE: Final = (*_SDK, "litellm")
"""Have the version that is installed here; the SDK's parts need the same one, and
litellm knows the prices."""

_HOME: Final = "/opt/tiered-router"
_VARIABLES: Final = {
    "OH_CONVERSATIONS_PATH": f"{STATE}/conversations",
    "OH_BASH_EVENTS_DIR": f"{STATE}/bash",
    "TIERED_ROUTER_TELEMETRY": f"{STATE}/telemetry.sqlite3",
    "TIERED_ROUTER_STATE": f"{STATE}/state.sqlite3",
    # The prices are those of the version that is pinned, as they are here.
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    # Nobody looks at an editor or a browser there.
    "OH_ENABLE_VSCODE": "false",
    "OH_PRELOAD_TOOLS": "false",
}


def base_image() -> str:
    """The SDK's own image of the version that is installed here."""
    return f"ghcr.io/openhands/agent-server:{version('openhands-agent-server')}-python"


def tag() -> str:
    """The name of the image for what is installed here; a new one when that changes."""
    digest = hashlib.sha256()
    for name, content in _files():
        digest.update(f"{name}\0{len(content)}\0".encode())
        digest.update(content)
    return f"{NAME}:{digest.hexdigest()[:16]}"


def context() -> bytes:
    """What the image is built from, as a tar archive."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in _files():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o644
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def _files() -> Iterator[tuple[str, bytes]]:
    yield "Dockerfile", dockerfile().encode()
    yield "requirements.txt", "".join(f"{r}\n" for r in requirements()).encode()
    root = Path(__file__).parents[2]
    for path in sorted(root.rglob("*")):
        inner = path.relative_to(root)
        if path.is_file() and "__pycache__" not in inner.parts:
            yield f"{PACKAGE}/{inner.as_posix()}", path.read_bytes()


def requirements() -> tuple[str, ...]:
    """What the package needs, without its extras.

    Raises:
        ResolveError: It is not known: the package is not installed.
    """
    ranges = requires("openhands-tiered-router")
    if not ranges:
        raise ResolveError("openhands-tiered-router is not installed; install it")
    own = [each for each in ranges if "extra ==" not in each]
    return (*own, *(f"{name}=={version(name)}" for name in _AS_HERE))


def dockerfile() -> str:
    """The steps from the SDK's image to ours."""
    python = f"{_HOME}/bin/python"
    server = ["tini", "--", python, "-m", "openhands.agent_server"]
    server += ["--extra-python-path", f"{_HOME}/own"]
    server += ["--import-modules", f"{PACKAGE}.server.preload"]
    variables = " ".join(f"{name}={value}" for name, value in _VARIABLES.items())
    return f"""\
FROM {base_image()}
USER root
COPY requirements.txt {_HOME}/
RUN python3 -m venv {_HOME} \\
 && {_HOME}/bin/pip install --no-cache-dir -r {_HOME}/requirements.txt
COPY {PACKAGE} {_HOME}/own/{PACKAGE}
RUN mkdir -p {STATE} && chown openhands {STATE}
USER openhands
ENV {variables}
ENTRYPOINT {json.dumps(server)}
"""
