"""The knob is turned only where sessions that had no say agree."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import cast

import pytest

from openhands_tiered_router.policy.policy import Policy
from openhands_tiered_router.record.calibrate.logs import LoggedTurn
from openhands_tiered_router.record.calibrate.off_policy import TooFewError
from openhands_tiered_router.record.calibrate.redecide import Redecider
from openhands_tiered_router.record.calibrate.tune import tune
from openhands_tiered_router.tiers import Tier
from tests.record.calibrate.test_off_policy import simulate


pytest.importorskip("sklearn")


@dataclass(frozen=True)
class Thriftier:
    """Sends more down the higher the economy is; at .5 as it was logged."""

    policy: Policy = field(default_factory=Policy)

    def tier(self, turn: LoggedTurn) -> Tier:
        p = turn.situation.p_mechanical or 0.0
        least = 1.5 - self.policy.economy
        return Tier.SIMPLE if p > max(least, 0.6) else turn.base


def tuned(turns: list[LoggedTurn]):
    return tune(turns, cast(Redecider, Thriftier()))


def test_a_cheaper_setting_is_found_and_shown_on_other_sessions() -> None:
    turns = [replace(t, clean=True) for t in simulate(7, sessions=240)]
    found = tuned(turns)
    assert found.economy >= 0.8
    assert found.sessions == 120
    assert found.usd.difference.high < 0.0


def test_what_lets_turns_go_wrong_is_not_taken() -> None:
    turns = [
        replace(t, clean=t.tier is not Tier.SIMPLE) for t in simulate(8, sessions=240)
    ]
    with pytest.raises(TooFewError, match="not shown to be better|go wrong"):
        tuned(turns)


def test_thin_logs_are_refused() -> None:
    with pytest.raises(TooFewError):
        tuned(simulate(9, sessions=20))
