"""What a plan of the turns to come weighs."""

from __future__ import annotations

from itertools import pairwise

import pytest

from openhands_tiered_router.policy.caches import Gaps
from openhands_tiered_router.policy.economics.dynamics import default_dynamics
from openhands_tiered_router.policy.tally import Pace
from openhands_tiered_router.policy.value.turns import Arm, Situated, options
from openhands_tiered_router.tiers import Prices


def arm(scale: float, hard: float, *, warm: int = 0, left: float = 0.0) -> Arm:
    price = Prices(
        input=1e-6 * scale,
        output=5e-6 * scale,
        cache_read=1e-7 * scale,
        cache_write=1.25e-6 * scale,
    )
    return Arm(
        key=str(scale),
        rates=price,
        warm=warm,
        lifetime=300.0,
        hard=hard,
        mechanical=hard / 10,
        left=left,
    )


def seen() -> Situated:
    minute = Gaps()
    for _ in range(20):
        minute = minute.after(60.0)
    return Situated(
        prompt=30_000,
        growth=600.0,
        pace=Pace(gaps=minute),
        output=270.0,
        p_mechanical=0.9,
        dynamics=default_dynamics(),
    )


def test_to_leave_a_cache_costs_more_the_sooner_it_dies() -> None:
    cheap = arm(0.25, 0.04, warm=30_000, left=300.0)
    strong = [arm(3.0, 0.0, warm=30_000, left=left) for left in (1.0, 60.0, 290.0)]
    left_alone = [options((cheap, s), seen())[0].later for s in strong]
    assert all(sooner > later for sooner, later in pairwise(left_alone))
    served = [options((cheap, s), seen())[1].later for s in strong]
    assert served[0] == pytest.approx(served[2])
