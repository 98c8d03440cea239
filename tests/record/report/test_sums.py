"""What a conversation's turns come to."""

from __future__ import annotations

import pytest

from openhands_tiered_router.record.report.sums import conversation_sums
from openhands_tiered_router.record.telemetry.digest import (
    Caches,
    Caching,
    Calls,
    Cell,
    Digest,
    Key,
    Turns,
)
from openhands_tiered_router.tiers import Tier


KIND = Caching(300.0, None)


@pytest.mark.parametrize(
    ("tokens", "kinds"), [((1, 2, 3, 0, 0, 0), {}), ((), {7: (KIND,)})]
)
def test_a_tier_set_that_came_up_between_two_questions_costs_no_report(
    tokens: tuple[int, ...], kinds: dict[int, tuple[Caching, ...]]
) -> None:
    key = Key(tier_set=7, day=1, tier=Tier.SIMPLE, endpoint=1, provision=0)
    cell = Cell(key, Calls(*[1] * len(Calls._fields)), Turns(2, 0.5), Caches(), tokens)
    (sums,) = conversation_sums(Digest(1, (cell,), (0,) * len(Tier), ()), kinds)
    assert (sums.turns, sums.cost, sums.tokens) == (2, 0.5, {})
