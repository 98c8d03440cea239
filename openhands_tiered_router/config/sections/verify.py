"""``[verify]``: what finished work must pass before a conversation may end."""

from __future__ import annotations

import shlex
from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from openhands_tiered_router.config.fields import Count, Number, Section
from openhands_tiered_router.guards.verify.settings import VerifySettings


_DEFAULT: Final = VerifySettings()


def _command(value: str) -> str:
    try:
        words: list[Any] = shlex.split(value)
    except ValueError:
        words = []
    if value and not words:
        raise PydanticCustomError(
            "command", "is not a command", {"remedy": "Close its quotes"}
        )
    return value


Command = Annotated[str, AfterValidator(_command)]


class VerifyConfig(Section):
    """What finished work must pass before a conversation may end."""

    enabled: bool = _DEFAULT.enabled
    """Verify when the agent finishes. Off, since it runs the project's tests."""
    rounds: Annotated[Count, Field(ge=0, le=20)] = _DEFAULT.rounds
    """Times that rejected work goes back to the agent before it ends unverified."""
    test_command: Command = _DEFAULT.test_command
    """Runs the tests, instead of the runner that is recognised; no shell."""
    commands: tuple[Command, ...] = _DEFAULT.commands
    """The project's own quick checks; each must exit with 0; no shell."""
    time_limit: Annotated[Number, Field(gt=0, le=86_400)] = _DEFAULT.time_limit
    """Seconds for each command: minutes of tests, and nobody waits for a hang."""
    max_test_files: Annotated[Count, Field(ge=1, le=10_000)] = _DEFAULT.max_test_files
    """Test files to run at most, the nearest first."""
    evidence_chars: Annotated[Count, Field(ge=200, le=100_000)] = (
        _DEFAULT.evidence_chars
    )
    """Characters of a failing command's output that the agent gets: its last lines."""
    catch_rate: Annotated[Number, Field(ge=0, le=1)] = _DEFAULT.catch_rate
    """Share of wrong work that the verifier rejects, in [0, 1]."""
    pass_rate: Annotated[Number, Field(ge=0, le=1)] = _DEFAULT.pass_rate
    """Share of right work that it accepts, in [0, 1]."""
    graph_wait: Annotated[Number, Field(ge=0, le=600)] = _DEFAULT.graph_wait
    """Seconds to wait for the code graph to take the change in."""

    def to_settings(self) -> VerifySettings:
        """What the agent takes."""
        return VerifySettings(**dict(self))
