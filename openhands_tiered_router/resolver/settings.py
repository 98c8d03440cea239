"""What ``[resolver]`` says."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from openhands_tiered_router.resolver.sandbox.settings import Sandbox


class ResolverSettings(BaseModel):
    """What ``tiered-router resolve`` may do; see docs/resolver.md."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sandbox: Sandbox = Field(
        default=Sandbox.DOCKER, description="Where the agent and its tools run."
    )
    usd: float = Field(default=2.0, gt=0, description="Budget of one issue, USD.")
    max_usd: float = Field(
        default=10.0, gt=0, description="Most that a label may set it to, USD."
    )
    trusted: tuple[str, ...] = Field(
        default=(), description="Accounts whose labels are obeyed, beside the members."
    )
    keep: tuple[str, ...] = Field(
        default=(), description="Variables that the agent may see; globs."
    )
