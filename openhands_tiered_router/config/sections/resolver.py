"""``[resolver]``: what ``tiered-router resolve`` may do."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from openhands_tiered_router.config.fields import Number, Section
from openhands_tiered_router.resolver.sandbox.settings import Sandbox
from openhands_tiered_router.resolver.settings import ResolverSettings


_DEFAULT: Final = ResolverSettings()


def _sandbox(value: Any) -> Sandbox:
    if isinstance(value, str) and value in set(Sandbox):
        return Sandbox(value)
    remedy = f"Write one of {', '.join(Sandbox)}"
    raise PydanticCustomError("sandbox", "is not a sandbox", {"remedy": remedy})


Usd = Annotated[Number, Field(gt=0, le=1_000_000)]


class ResolverConfig(Section):
    """What ``tiered-router resolve`` may do."""

    sandbox: Annotated[Sandbox, BeforeValidator(_sandbox)] = _DEFAULT.sandbox
    """Where the agent and its tools run: ``docker``, ``remote`` or ``local``, which
    is no boundary. Issues are written by strangers."""
    usd: Usd = _DEFAULT.usd
    """Budget of one issue, USD, all its runs together."""
    max_usd: Usd = _DEFAULT.max_usd
    """Most that a label such as ``budget:5`` may set it to, USD."""
    trusted: tuple[str, ...] = _DEFAULT.trusted
    """Accounts whose labels are obeyed, beside those with rights in the project."""
    keep: tuple[str, ...] = _DEFAULT.keep
    """Variables that the agent may see though they may hold secrets; globs."""

    def to_settings(self) -> ResolverSettings:
        """What the command takes."""
        return ResolverSettings(**dict(self))
