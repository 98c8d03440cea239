"""A replayed decision sees only what stood before its turn."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings, strategies as st

from openhands_tiered_router.policy.engine import Engine
from openhands_tiered_router.policy.entry import Entry, ToolCall
from openhands_tiered_router.policy.outcome import Usage
from openhands_tiered_router.policy.rules import RULES
from openhands_tiered_router.record.replay.plot import page
from openhands_tiered_router.record.replay.run import replay
from openhands_tiered_router.record.replay.sessions import RecordedSession, RecordedTurn
from openhands_tiered_router.record.replay.summary import OPTIMUM, ROUTED, summarise
from openhands_tiered_router.tiers import Endpoint, Prices, Tier, TierSet


COMMANDS = ("grep -rn foo src", "cat a.py", "cat <<'E' > /tmp/t.py\nE", "pytest -q")


def engine() -> Engine:
    endpoints = []
    for tier, scale in zip(Tier, (1e-6, 1e-6, 5e-6, 5e-6), strict=True):
        prices = Prices(
            input=scale,
            output=5 * scale,
            cache_read=0.1 * scale,
            cache_write=1.25 * scale,
        )
        endpoints.append(
            Endpoint(
                key=str(tier),
                tier=tier,
                model="m",
                cache_id=str(scale),
                prices=prices,
            )
        )
    return Engine(TierSet(tuple(endpoints)), RULES)


def recorded(commands: Sequence[str]) -> RecordedSession:
    turns = []
    before: tuple[Entry, ...] = (Entry(role="user", text="Fix the bug"),)
    for i, command in enumerate(commands):
        call = ToolCall(str(i), "bash", json.dumps({"command": command}))
        turns.append(
            RecordedTurn(
                before=before,
                answer=Entry(role="assistant", calls=(call,)),
                usage=Usage(prompt=3_000 + 700 * i, completion=150),
                start=10.0 * i,
                end=10.0 * i + 9.0,
            )
        )
        before = (Entry(role="tool", text="ok", call_id=str(i), exit_code=0),)
    return RecordedSession(id="s", task="t", turns=tuple(turns))


@given(st.lists(st.sampled_from(COMMANDS), min_size=2, max_size=12), st.data())
@settings(deadline=None, max_examples=25)
def test_what_comes_later_changes_no_decision(
    commands: list[str], data: st.DataObject
) -> None:
    session = recorded(commands)
    cut = data.draw(st.integers(1, len(commands)))
    whole = replay(engine(), session)[:cut]
    part = replay(engine(), replace(session, turns=session.turns[:cut]))
    assert [t.decision for t in whole] == [t.decision for t in part]


def test_the_first_prompt_is_known_with_what_the_recording_leaves_out() -> None:
    rated = TierSet(tuple(replace(e, success=0.5) for e in engine().tiers.endpoints))
    first = replay(Engine(rated, RULES), recorded(COMMANDS))[0].decision
    cost = next(c.cost_now for c in first.candidates if c.endpoint == "complex")
    assert cost is not None
    assert cost > 3_000 * 5e-6 * 1.25


def test_time_scale_stretches_the_clock() -> None:
    turns = replay(engine(), recorded(COMMANDS), 30.0)
    assert [t.start for t in turns] == [0.0, 300.0, 600.0, 900.0]
    assert turns[0].end == 270.0


def test_summary_sets_the_decisions_beside_what_they_are_measured_against() -> None:
    replays = [replay(engine(), recorded(COMMANDS * 6)) for _ in range(3)]
    summary = summarise(engine(), replays)
    lines = {line.name: line for line in summary.lines}
    assert lines["always complex"].relative == pytest.approx(1.0)
    assert lines["always reasoning"].relative == pytest.approx(1.0)
    assert lines["always simple"].relative == pytest.approx(0.2)
    assert lines["always simple"].under_routed == 1.0
    assert 0.2 < lines[OPTIMUM].relative < 1.0
    assert lines[ROUTED].low <= lines[ROUTED].relative <= lines[ROUTED].high
    assert sum(summary.tiers.values()) == summary.turns == 72


def test_page_shows_every_policy_and_escapes_its_title() -> None:
    summary = summarise(engine(), [replay(engine(), recorded(COMMANDS))])
    text = page(summary, "<b>mine</b>")
    assert all(line.name in text for line in summary.lines)
    assert "<b>mine" not in text
