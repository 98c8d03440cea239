"""Old results are left out where a cache has died, and nowhere else."""

from __future__ import annotations

from itertools import accumulate

import pytest
from hypothesis import given, strategies as st
from pydantic import ValidationError

from openhands_tiered_router.tokens.masking import (
    KEEP,
    LEAST,
    cold_starts,
    idle,
    notice,
)
from openhands_tiered_router.tokens.settings import TokenSettings


def timed(gaps: list[tuple[bool, float]]) -> list[tuple[bool, float]]:
    times = accumulate(seconds for _, seconds in gaps)
    return [(answer, at) for (answer, _), at in zip(gaps, times, strict=True)]


STEPS = st.lists(st.tuples(st.booleans(), st.floats(0.0, 1_000.0)), max_size=40).map(
    lambda gaps: list(
        zip([a for a, _ in gaps], accumulate(s for _, s in gaps), strict=False)
    )
)
WORDS = st.sampled_from(["function_one", "function_two", "common_name", "x", "3 = 4"])
TEXTS = st.lists(st.lists(WORDS, max_size=30).map(" ".join), max_size=30)


@given(STEPS, st.integers(0, 40))
def test_the_past_is_judged_alike_whatever_comes_after(
    steps: list[tuple[bool, float]], count: int
) -> None:
    """What was cold stays so: no prompt is changed behind what was changed before."""
    before = cold_starts(steps[:count], 300.0)
    after = cold_starts(steps, 300.0)
    # Of the last step it is not known yet whether the request begins with it.
    assert set(before) - {min(count, len(steps))} <= set(after)


@given(STEPS)
def test_a_longer_lifetime_has_fewer_cold_starts(
    steps: list[tuple[bool, float]],
) -> None:
    assert set(cold_starts(steps, 3_600.0)) <= set(cold_starts(steps, 300.0))


def test_a_pause_of_the_user_and_one_of_a_tool_count() -> None:
    user = [(False, 0.0), (True, 5.0), (False, 605.0)]
    assert cold_starts(user, 300.0) == [3]
    assert cold_starts([*user, (True, 610.0), (False, 611.0)], 300.0) == [3]
    assert cold_starts([(False, 0.0), (True, 5.0), (False, 295.0)], 300.0) == []


def test_a_long_answer_is_no_pause() -> None:
    assert cold_starts([(False, 0.0), (True, 900.0), (False, 901.0)], 300.0) == []


@given(TEXTS, TEXTS)
def test_the_newest_and_what_is_in_use_stay(
    results: list[str], actions: list[str]
) -> None:
    gone = idle(results, actions)
    assert all(i < len(results) - KEEP for i in gone)
    assert idle(results, actions) == gone
    for i in gone:
        for name in ("function_one", "function_two", "common_name"):
            holders = sum(name in text for text in results)
            if name in results[i] and name in " ".join(actions[-15:]):
                assert holders > 2


@given(st.text(max_size=2_000))
def test_a_notice_is_never_longer_and_its_own_notice(text: str) -> None:
    short = notice(text)
    assert len(short) <= len(text)
    assert notice(short) == short
    assert short == text or len(text) >= LEAST


def test_references_and_what_they_refer_to_are_not_both_shortened() -> None:
    assert TokenSettings().filter
    for other in ("mask", "handover"):
        assert not TokenSettings.model_validate({other: True}).filter
        with pytest.raises(ValidationError, match="may leave out"):
            TokenSettings.model_validate({"filter": True, other: True})
