"""Letting the engine decide every turn of a recorded session, as it would have."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from openhands_tiered_router.policy.decision import Decision
from openhands_tiered_router.policy.economics.lifetime import HOUR, for_an_hour
from openhands_tiered_router.policy.engine import Engine
from openhands_tiered_router.policy.kinds import ActionKind
from openhands_tiered_router.policy.request import Purpose, RoutingRequest
from openhands_tiered_router.policy.session import SessionState
from openhands_tiered_router.record.replay.sessions import (
    RecordedSession,
    RecordedTurn,
)
from openhands_tiered_router.tiers import Endpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayedTurn:
    """A recorded turn with the decision for it; times are stretched."""

    turn: RecordedTurn
    decision: Decision
    served: Endpoint
    """Where it goes; with the hour's price and lifetime where that is bought."""
    kind: ActionKind
    """What it really did."""
    failed: bool
    """Whether that failed, as far as the next turn's messages tell."""
    hard: bool
    """Whether what it really did was more than mechanical."""
    ms: float
    """Wall time of folding what was new and deciding, milliseconds."""
    start: float
    end: float


def replay(
    engine: Engine, session: RecordedSession, time_scale: float = 1.0
) -> list[ReplayedTurn]:
    """Decides each turn from what stood before it.

    Args:
        engine: Decides.
        session: The recording; its times are counted from 0.
        time_scale: Factor on the recorded times: 10 for an agent ten times slower.
    """
    endpoints = {e.key: e for e in engine.tiers.endpoints}
    began = session.turns[0].start if session.turns else 0.0
    state = SessionState().knowing(session.tools)
    done: list[ReplayedTurn] = []
    for turn in session.turns:
        start = (turn.start - began) * time_scale
        end = (turn.end - began) * time_scale
        clock = time.perf_counter()
        state = state.fold(turn.before)
        request = _request(session, state, turn)
        decision = engine.decide(request, state, now=start)
        ms = (time.perf_counter() - clock) * 1e3
        if done and state.last:
            done[-1] = replace(done[-1], failed=state.last.failed)
        endpoint = endpoints[decision.endpoint]
        state = state.after_call(
            endpoint.cache_id,
            turn.usage,
            end,
            endpoint.tier,
            decision.cache_ttl,
            started=start,
            short=endpoint.cache_ttl,
        )
        if decision.cache_ttl == HOUR:
            endpoint = for_an_hour(endpoint)
        state = state.fold((turn.answer,))
        last = state.last
        assert last is not None
        done.append(
            ReplayedTurn(
                turn=turn,
                decision=decision,
                served=endpoint,
                kind=last.kind,
                failed=False,
                hard=last.hard,
                ms=ms,
                start=start,
                end=end,
            )
        )
    return done


def _request(
    session: RecordedSession, state: SessionState, turn: RecordedTurn
) -> RoutingRequest:
    prompt = state.expected_prompt()
    if not state.prompt_tokens:
        # Recordings leave out system prompts and tools, which a router has in hand.
        prompt = max(prompt, turn.usage.prompt)
    return RoutingRequest(
        session_id=session.id,
        purpose=Purpose.TURN,
        prompt_tokens=prompt,
        needs_tools=True,
    )
