"""Ids of decisions."""

from __future__ import annotations

import time
from uuid import UUID

from openhands_tiered_router.calls.flow import new_decision_id


def test_ids_are_uuids_of_version_7_that_carry_the_time() -> None:
    before = time.time_ns() // 1_000_000
    made = [UUID(new_decision_id()) for _ in range(1_000)]
    after = time.time_ns() // 1_000_000
    assert {(i.version, i.variant) for i in made} == {(7, "specified in RFC 4122")}
    assert all(before <= i.int >> 80 <= after for i in made)
    assert len(set(made)) == 1_000
