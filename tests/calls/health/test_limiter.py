from __future__ import annotations

import random
import threading

from hypothesis import given, settings, strategies as st

from openhands_tiered_router.calls.health.limiter import SLOTS, Counts, Limiter, Ticket
from openhands_tiered_router.tiers import Limits


def ticket(tokens: int = 10) -> Ticket:
    return Ticket(tokens)


def worst(times: list[tuple[float, int]], span: float = 60.0) -> tuple[int, int]:
    """Most calls and tokens in any ``span`` seconds."""
    windows = [
        [tokens for at, tokens in times if start <= at < start + span]
        for start, _ in times
    ]
    return max(map(len, windows)), max(map(sum, windows))


def test_without_a_limit_everything_passes() -> None:
    limiter = Limiter(Limits(), queue=0)
    assert limiter.wait(0) == 0.0
    assert [limiter.take(ticket(), 0) for _ in range(1000)] == [0.0] * 1000


def test_a_burst_passes_and_the_next_minute_does_too() -> None:
    limiter = Limiter(Limits(rpm=3), queue=10)
    assert [limiter.take(ticket(), 1) for _ in range(3)] == [0.0] * 3
    wait = limiter.take(ticket(), 1)
    assert 60 <= wait <= 65
    assert limiter.take(ticket(), 1 + wait) == 0.0


def test_tokens_are_counted_as_estimated_and_then_as_used() -> None:
    limiter = Limiter(Limits(tpm=100), queue=10)
    first = ticket(tokens=80)
    assert limiter.take(first, 1) == 0.0
    assert limiter.take(ticket(tokens=30), 2) > 0
    limiter.settle(first, 60)
    assert limiter.take(ticket(tokens=30), 4) == 0.0
    assert limiter.take(ticket(tokens=20), 4) > 0


def test_a_call_bigger_than_the_limit_goes_when_nothing_else_counts() -> None:
    limiter = Limiter(Limits(tpm=100), queue=10)
    assert limiter.take(ticket(tokens=500), 1) == 0.0
    wait = limiter.take(ticket(tokens=500), 2)
    assert 58 <= wait <= 65
    assert limiter.take(ticket(tokens=500), 2 + wait) == 0.0


def test_what_was_not_sent_is_given_back() -> None:
    limiter = Limiter(Limits(rpm=1), queue=10)
    unsent = ticket()
    assert limiter.take(unsent, 1) == 0.0
    limiter.give_back(unsent)
    assert limiter.take(ticket(), 2) == 0.0


def test_the_line_is_bounded_and_leaving_it_makes_room() -> None:
    limiter = Limiter(Limits(rpm=1), queue=2)
    assert limiter.take(ticket(), 0) == 0.0
    waiting = [ticket(), ticket()]
    assert [limiter.join(t) for t in waiting] == [True, True]
    assert not limiter.join(ticket())
    limiter.leave(waiting[0])
    assert limiter.join(ticket())
    assert limiter.waiting == 2


def test_who_waits_behind_others_keeps_room_for_them() -> None:
    limiter = Limiter(Limits(rpm=2), queue=10)
    for _ in range(2):
        limiter.take(ticket(), 0)
    first, second, third = (ticket() for _ in range(3))
    for waiting in (first, second, third):
        limiter.join(waiting)
    assert limiter.take(second, 66) == 0.0
    assert limiter.take(third, 66) > 0
    assert limiter.take(ticket(), 66) > 0
    assert limiter.take(first, 66) == 0.0


def test_the_line_is_served_in_the_order_of_arrival() -> None:
    limiter = Limiter(Limits(rpm=1), queue=10)
    limiter.take(ticket(), 0)
    line = [ticket() for _ in range(4)]
    assert all(map(limiter.join, line))
    for number, first in enumerate(line):
        now = 66.0 * (number + 1)
        assert all(limiter.take(other, now) > 0 for other in line[number + 1 :])
        assert limiter.take(first, now) == 0.0
    assert limiter.waiting == 0


@settings(max_examples=60, deadline=None)
@given(
    rpm=st.integers(1, 20),
    tpm=st.integers(50, 500),
    calls=st.lists(
        st.tuples(st.integers(1, 50), st.floats(0, 5)),
        min_size=1,
        max_size=60,
    ),
)
def test_no_minute_has_more_than_the_limit(
    rpm: int, tpm: int, calls: list[tuple[int, float]]
) -> None:
    """On a clock of its own; each caller asks again when it was told to."""
    limiter, now, sent = Limiter(Limits(rpm=rpm, tpm=tpm), queue=100), 0.0, []
    asking: list[tuple[float, int, Ticket]] = []
    for number, (tokens, wait) in enumerate(calls):
        now += wait
        asking.append((now, number, ticket(tokens)))
    while asking:
        now, number, asker = min(asking, key=lambda a: a[:2])
        asking.remove((now, number, asker))
        if wait := limiter.take(asker, now):
            if not asker.waits:
                assert limiter.join(asker)
            asking.append((now + min(wait, 1.0), number, asker))
        else:
            sent.append((now, asker.tokens))
    most_calls, most_tokens = worst(sent)
    assert most_calls <= rpm
    assert most_tokens <= tpm


def test_sixteen_threads_never_exceed_the_rate() -> None:
    """All ask at once, ten minutes long on a clock of its own."""
    limiter, sent, clock = Limiter(Limits(rpm=50), queue=100), [], [0.0]
    start, end = threading.Barrier(17), threading.Barrier(17)

    def ask() -> None:
        for _ in range(120):
            start.wait()
            for _ in range(4):
                if limiter.take(ticket(), clock[0]) == 0.0:
                    sent.append((clock[0], 1))
            end.wait()

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    for _ in range(120):
        start.wait()
        end.wait()
        clock[0] += random.uniform(0, 10)
    for thread in threads:
        thread.join()
    assert worst(sent)[0] == 50
    assert len(sent) >= 50 * int(clock[0] / 75)


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
