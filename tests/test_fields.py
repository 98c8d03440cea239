"""The base of all sections."""

from __future__ import annotations

from functools import cached_property

from openhands_tiered_router.fields import Count, Section, TierName
from openhands_tiered_router.tiers import Tier


class Some(Section):
    number: Count = 1
    tier: TierName = Tier.SIMPLE

    @cached_property
    def double(self) -> int:
        return 2 * self.number


def test_a_changed_copy_computes_anew() -> None:
    some = Some(number=2)
    assert some.double == 4
    assert some.model_copy(update={"number": 3}).double == 6


def test_tiers_go_through_json_by_name() -> None:
    some = Some(tier=Tier.COMPLEX)
    assert some.model_dump(mode="json")["tier"] == "complex"
    assert Some.model_validate_json(some.model_dump_json()) == some
