"""``[verify]``: what finished work must pass before a conversation may end."""

from __future__ import annotations

import shlex
from typing import Annotated

from pydantic import AfterValidator, Field

from openhands_tiered_router.fields import Count, Number, Section, Share, fault


def _command(value: str) -> str:
    try:
        words = shlex.split(value)
    except ValueError:
        words = []
    if value and not words:
        raise fault("is not a command", "Close its quotes")
    return value


Command = Annotated[str, AfterValidator(_command)]


class VerifySettings(Section):
    """What finished work must pass; see docs/verification.md."""

    enabled: bool = False
    """Verify when the agent finishes. Off, since it runs the project's tests."""
    rounds: Annotated[Count, Field(ge=0, le=20)] = 2
    """Times that rejected work goes back to the agent before it ends unverified."""
    stop_at_value: bool = True
    """End a conversation whose rejected work is not expected to be worth another try
    (docs/value.md); else it goes back up to ``rounds`` times."""
    second_look: bool = False
    """Have the strongest tier read request, change and tests of work that passed; it
    may reject. One more call for each verdict, which is counted like any other."""
    test_command: Command = ""
    """Runs the tests, instead of the runner that is recognised; no shell."""
    commands: tuple[Command, ...] = ()
    """The project's own quick checks; each must exit with 0; no shell."""
    time_limit: Annotated[Number, Field(gt=0, le=86_400)] = 300.0
    """Seconds for each command: minutes of tests, and nobody waits for a hang."""
    max_test_files: Annotated[Count, Field(ge=1, le=10_000)] = 20
    """Test files to run at most, the nearest first."""
    evidence_chars: Annotated[Count, Field(ge=200, le=100_000)] = 2_000
    """Characters of a failing command's output that the agent gets: its last lines."""
    catch_rate: Share = 0.64
    """Share of wrong work that the verifier rejects, in [0, 1]. The default and that of
    ``pass_rate``: an earlier version on 34 commits of ten projects, without a
    reproduction; within the intervals of this one's on 111, for agents that do not
    answer its questions (docs/verification.md)."""
    pass_rate: Share = 0.83
    """Share of right work that it accepts, in [0, 1]."""
    graph_wait: Annotated[Number, Field(ge=0, le=600)] = 10.0
    """Seconds to wait for the code graph to take the change in."""
