"""``[resolver]``: what ``tiered-router resolve`` may do."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from openhands_tiered_router.fields import Number, Section
from openhands_tiered_router.resolver.sandbox.settings import Sandbox


Usd = Annotated[Number, Field(gt=0, le=1_000_000)]


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
