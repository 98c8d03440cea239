from __future__ import annotations

from hypothesis import given, settings, strategies as st

from openhands_tiered_router.calls.health.fair_queue import FairQueue, Ticket


def ticket(session: str) -> Ticket:
    return Ticket(session=session, tokens=1, uncached=1)


def first(line: FairQueue, waiting: list[Ticket]) -> Ticket:
    return next(t for t in waiting if not line.ahead(t))


def test_conversations_take_turns() -> None:
    line = FairQueue()
    waiting = [ticket(name) for name in "aaabc"]
    for one in waiting:
        line.join(one)
    served = []
    while waiting:
        one = first(line, waiting)
        line.leave(one, served=True)
        waiting.remove(one)
        served.append(one.session)
    assert "".join(served) == "abcaa"


def test_newcomers_do_not_keep_a_waiting_call_back_for_ever() -> None:
    line = FairQueue()
    waiting = [ticket("a"), ticket("a")]
    for one in waiting:
        line.join(one)
    second, served = waiting[1], 0
    while second.turn is not None:
        newcomer = ticket(f"new-{served}")
        line.join(newcomer)
        waiting.append(newcomer)
        one = first(line, waiting)
        line.leave(one, served=True)
        waiting.remove(one)
        served += 1
        assert served < 10


def test_one_that_does_not_wait_has_all_before_it() -> None:
    line = FairQueue()
    line.join(ticket("a"))
    line.join(ticket("b"))
    assert len(line.ahead(ticket("c"))) == 2


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["join", "leave"]))))
def test_it_holds_those_that_joined_and_did_not_leave(
    events: list[tuple[str, str]],
) -> None:
    line, waiting = FairQueue(), []
    for session, event in events:
        if event == "join":
            waiting.append(ticket(session))
            line.join(waiting[-1])
        elif waiting:
            line.leave(waiting.pop(0), served=session == "a")
    assert len(line) == len(waiting)
    assert sorted(len(line.ahead(t)) for t in waiting) == list(range(len(waiting)))
