"""What a session remembers, and that it forgets what no longer holds."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given, strategies as st

from openhands_tiered_router.policy.entry import Entry, ToolCall
from openhands_tiered_router.policy.kinds import ActionKind
from openhands_tiered_router.policy.outcome import Usage
from openhands_tiered_router.policy.session import SessionState
from openhands_tiered_router.tiers import Tier


USER = Entry(role="user", text="Fix it")


def did(command: str, output: str = "ok", code: int = 0, id: str = "1") -> list[Entry]:
    call = ToolCall(id, "terminal", json.dumps({"command": command}))
    return [
        Entry(role="assistant", calls=(call,)),
        Entry(role="tool", text=output, call_id=id, exit_code=code),
    ]


def test_turn_is_hard_first_and_after_a_failure_else_by_its_kind() -> None:
    state = SessionState().fold([USER])
    hard = []
    for command, code in (("ls", 0), ("ls", 1), ("ls", 0), ("ls", 0), ("pytest", 0)):
        state = state.fold(did(command, code=code))
        assert state.last is not None
        hard.append(state.last.hard)
    assert hard == [True, False, True, False, True]
    assert state.tally.hard == 3


def test_hard_turns_are_booked_on_the_tier_that_served_them() -> None:
    state = SessionState().fold([USER])
    for tier in (Tier.SIMPLE, Tier.COMPLEX, Tier.SIMPLE):
        state = state.after_call("c", Usage(prompt=10), 0.0, tier)
        state = state.fold(did("pytest"))


def test_pace_is_learned_from_answers_and_not_from_waiting_for_the_user() -> None:
    state = SessionState().fold([USER])
    for at in (100.0, 130.0, 160.0):
        state = state.after_call("c", Usage(prompt=10), at).fold(did("ls"))
    assert state.pace.gaps.count == 2
    assert state.pace.gaps.log_sum == pytest.approx(2 * math.log(30))
    idle = state.fold([USER]).after_call("c", Usage(prompt=10), 9_000.0)
    assert idle.pace.gaps == state.pace.gaps


def test_condensation_forgets_caches_and_keeps_what_was_learned() -> None:
    state = SessionState().fold([USER])
    for at in (0.0, 30.0):
        state = state.after_call("c", Usage(prompt=900), at, Tier.SIMPLE)
        state = state.fold(did("pytest"))
    short = state.condensed(SessionState().fold([USER]))
    assert not short.warm
    assert short.tally == state.tally
    assert short.pace == state.pace
    assert short.turns == 2


def test_cache_holds_what_the_provider_reports_where_it_counts_writes() -> None:
    usage = Usage(prompt=1_000, cache_read=600, cache_write=300)
    state = SessionState().fold([USER]).after_call("c", usage, 5.0)
    assert state.warm["c"].tokens == 900
    automatic = Usage(prompt=1_000, cache_read=600)
    state = state.after_call("d", automatic, 6.0)
    assert state.warm["d"].tokens == 1_000


def test_verification_counts_failures_until_one_passes() -> None:
    state = SessionState().verified(False).verified(False)
    assert state.verification == 2
    assert state.verified(True).verification == 0


def test_tally_knows_when_a_kind_last_came_and_what_it_led_to() -> None:
    state = SessionState().fold([USER])
    for command in ("ls", "cat a.py", "ls", "cat a.py"):
        state = state.fold(did(command))
    assert state.tally.since(ActionKind.LIST) == 2
    assert state.tally.since(ActionKind.TEST) is None
    after_list = state.fold(did("ls")).context
    assert state.tally.after(after_list, short=True) == (2, 2)


@given(st.lists(st.sampled_from(["ls", "pytest", "sed -i s/a/b/ x.py"]), max_size=20))
def test_folding_at_once_or_by_message_gives_the_same_state(
    commands: list[str],
) -> None:
    entries = [USER, *(entry for c in commands for entry in did(c))]
    by_one = SessionState()
    for entry in entries:
        by_one = by_one.fold([entry])
    assert by_one == SessionState().fold(entries)


def test_sizes_are_the_sessions_own_after_a_few_turns() -> None:
    state = SessionState().fold([USER])
    prompt = 5_000
    for second in range(40):
        state = state.after_call("c", Usage(prompt=prompt, completion=40), second)
        state = state.fold(did("ls"))
        prompt += 2_000
    assert 1_500 < state.growth < 2_000
    assert 40 < state.output < 150
    shrunk = state.after_call("c", Usage(prompt=900, completion=40), 99.0)
    assert shrunk.growth == state.growth
    book = state.after_call("c", Usage(prompt=10**6, completion=40), 99.0)
    assert state.growth < book.growth < 1.2 * state.growth
