from math import log2

import pytest
from hypothesis import given, strategies as st

from openhands_tiered_router.graph.location.ambiguity import NOTHING, ambiguity


def test_a_clear_ranking() -> None:
    found = ambiguity([10, 1, 1, 1, 0.5])

    assert found.candidates == 1
    assert found.fifth_to_first == 0.05


def test_a_tie_is_as_ambiguous_as_can_be() -> None:
    found = ambiguity([2.0] * 8)

    assert (found.candidates, found.fifth_to_first) == (8, 1)
    assert found.entropy == pytest.approx(log2(8))


def test_one_entry_is_clear_and_none_is_nothing() -> None:
    assert ambiguity([3.0]).entropy == 0
    assert ambiguity([]) == NOTHING


@given(st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=80))
def test_figures_stay_in_their_ranges(scores: list[float]) -> None:
    found = ambiguity(sorted(scores, reverse=True))

    assert 1 <= found.candidates <= len(scores)
    assert 0 <= found.fifth_to_first <= 1
    assert -1e-9 <= found.entropy <= log2(50) + 1e-9
