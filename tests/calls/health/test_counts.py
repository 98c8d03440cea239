from __future__ import annotations

from hypothesis import given, settings, strategies as st

from openhands_tiered_router.calls.health.counts import SLOTS, Counts


SPAN = 60.0
EVENTS = st.lists(st.tuples(st.floats(0, 30), st.integers(0, 9)), max_size=60)


@settings(deadline=None)
@given(EVENTS, st.floats(0, 200))
def test_a_sum_holds_all_of_the_span_and_one_slot_more_at_most(
    events: list[tuple[float, int]], later: float
) -> None:
    counts, now, log = Counts(), 0.0, []
    for wait, amount in events:
        now += wait
        counts = counts.add(now, SPAN, 1, amount)
        log.append((now, amount))
    now += later
    calls, amounts = counts.sums(now, SPAN)
    least = [amount for at, amount in log if at > now - SPAN]
    most = [amount for at, amount in log if at > now - SPAN * (1 + 1 / SLOTS) - 1e-9]
    assert len(least) <= calls <= len(most)
    assert sum(least) <= amounts <= sum(most)
    assert len(counts.slots) <= SLOTS + 1


def test_what_leaves_leaves_when_it_says() -> None:
    counts = Counts().add(2, SPAN, 1, 10).add(33, SPAN, 1, 20)
    first, second = counts.leaving(40, SPAN)
    assert first == (65, 1, 10)
    assert counts.sums(64.9, SPAN) == (2, 30)
    assert counts.sums(65, SPAN) == (1, 20)
    assert second[0] == 95


def test_an_earlier_slot_is_corrected_while_it_counts() -> None:
    counts = Counts().add(2, SPAN, 1, 10).add(33, SPAN, 1, 20)
    corrected = counts.corrected(0, 0, -4)
    assert corrected.sums(40, SPAN) == (2, 26)
    assert counts.corrected(180, 1, 1) == counts


def test_a_thread_that_comes_late_with_its_time_loses_nothing() -> None:
    counts = Counts().add(5.001, SPAN, 1, 10).add(4.999, SPAN, 1, 20)
    assert counts.sums(4.999, SPAN) == counts.sums(5.001, SPAN) == (2, 30)


def test_a_clock_that_is_set_back_forgets_the_future() -> None:
    counts = Counts().add(10_000, SPAN, 5, 5)
    assert counts.sums(100, SPAN) == (0, 0)
    assert counts.add(100, SPAN, 1, 1).sums(100, SPAN) == (1, 1)
