"""How finished work is verified, as the configuration gives it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class VerifySettings(BaseModel):
    """What ``[verify]`` says; see docs/verification.md."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    enabled: bool = Field(default=False, description="Verify before the end.")
    rounds: int = Field(
        default=2, ge=0, description="Times that rejected work goes back to the agent."
    )
    test_command: str = Field(
        default="",
        description="Runs the tests, instead of the runner that is recognised.",
    )
    commands: tuple[str, ...] = Field(
        default=(), description="The project's own quick checks; each must exit with 0."
    )
    time_limit: float = Field(
        default=300.0, gt=0, description="Seconds for each command."
    )
    max_test_files: int = Field(
        default=20, ge=1, description="Test files to run, the nearest first."
    )
    evidence_chars: int = Field(
        default=2_000, ge=200, description="Characters of output that the agent gets."
    )
    catch_rate: float = Field(
        default=0.64,
        ge=0,
        le=1,
        description="Share of wrong work that it rejects; learned from verdicts.",
    )
    pass_rate: float = Field(
        default=0.83,
        ge=0,
        le=1,
        description="Share of right work that it accepts; learned from verdicts.",
    )
    graph_wait: float = Field(
        default=10.0, ge=0, description="Seconds to wait for the code graph."
    )
