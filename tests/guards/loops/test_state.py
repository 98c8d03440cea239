"""Repeats among actions, and what counts as a turn."""

from __future__ import annotations

from hypothesis import given, strategies as st

from openhands_tiered_router.guards.loops.state import KEPT, repeats


numbers = st.integers(0, 3)
pairs = st.tuples(numbers, numbers)


@given(st.lists(pairs, max_size=KEPT), st.integers(1, 3), st.integers(1, 20))
def test_a_cycle_is_counted_however_it_began(before, size, times) -> None:
    cycle = [(9, n) for n in range(size)]
    done = tuple(before + cycle * times)[-KEPT:]
    assert repeats(done) == (min(times, KEPT // size), size) or times == 1


@given(st.lists(pairs, max_size=KEPT))
def test_what_is_counted_is_there(done) -> None:
    count, size = repeats(tuple(done))
    assert count * size <= len(done)
    unit = done[len(done) - size :]
    assert done[len(done) - count * size :] == unit * count


@given(st.lists(pairs, max_size=KEPT, unique=True))
def test_without_a_repeat_nothing_repeats(done) -> None:
    assert repeats(tuple(done))[0] <= 1
