"""What goes wrong between here and a sandbox, in plain words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from openhands_tiered_router.config.resolver import Sandbox
from openhands_tiered_router.pages import doc_page
from openhands_tiered_router.resolver.errors import ResolveError
from openhands_tiered_router.resolver.sandbox.opening import Place


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
