"""``[sandbox]``: where ``--sandbox docker`` and ``--sandbox remote`` run."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from openhands_tiered_router.config.fields import Section
from openhands_tiered_router.resolver.sandbox.settings import SandboxSettings


_DEFAULT: Final = SandboxSettings()


def _host(value: object) -> object:
    known = ("http://", "https://")
    if isinstance(value, str) and value and not value.startswith(known):
        remedy = "Write it as http://127.0.0.1:8000"
        raise PydanticCustomError("host", "is no http address", {"remedy": remedy})
    return value


def _image(value: object) -> object:
    """An image that began with a dash would be an option of ``docker run``."""
    odd = isinstance(value, str) and (value.startswith("-") or " " in value)
    if odd:
        remedy = "Write it as registry.example/agent-server:1.0"
        raise PydanticCustomError("image", "is no image's name", {"remedy": remedy})
    return value


class SandboxConfig(Section):
    """Where sandboxes come from."""

    image: Annotated[str, BeforeValidator(_image)] = _DEFAULT.image
    """Image for ``docker``: an agent-server that has this package. None: one is built
    on the SDK's own image of the installed version."""
    host: Annotated[str, BeforeValidator(_host)] = _DEFAULT.host
    """Address of the agent-server for ``remote``."""

    def to_settings(self) -> SandboxSettings:
        """What the commands take."""
        return SandboxSettings(**dict(self))
