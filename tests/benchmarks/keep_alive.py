"""What requests that only keep a cache alive would save, where one model serves.

    python tests/benchmarks/keep_alive.py SESSIONS CONFIG

SESSIONS is a JSON Lines file as for ``tiered-router replay``; the strongest tier of
CONFIG serves every turn. 270 s after a request that nothing followed, its prompt may be
sent again for one token, at most six times. Prints the cost relative to five minutes
throughout, with a 95 % bootstrap interval over sessions for the first: pings where they
are expected to pay, as the gateway does with ``keep_alive``; all six each time; the
lifetimes that the router buys instead. Rows: so many pauses, evenly in each session, of
so many minutes, before a message of the user or amid tools; and stretched times.
"""

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from ratios import shown

from openhands_tiered_router.config import load_config, tier_set
from openhands_tiered_router.policy.economics.costs import call_cost
from openhands_tiered_router.policy.economics.keep_alive import (
    MOST,
    due_after,
    worth_pinging,
)
from openhands_tiered_router.policy.engine import Engine
from openhands_tiered_router.policy.entry import Entry
from openhands_tiered_router.policy.rules import RULES
from openhands_tiered_router.policy.session import SessionState
from openhands_tiered_router.record.replay.costs import prices_of, session_cost
from openhands_tiered_router.record.replay.recordings import read_recordings
from openhands_tiered_router.record.replay.run import replay
from openhands_tiered_router.record.replay.sessions import RecordedSession
from openhands_tiered_router.tiers import Endpoint, Tier, TierSet


PAUSES = (
    (1, 10, True), (3, 10, True), (9, 10, True), (9, 4, True), (9, 25, True),
    (9, 60, True), (1, 10, False), (9, 10, False),
)  # fmt: skip
"""How many, of how many minutes, and whether the user then speaks."""
SCALES = (1.0, 10.0, 30.0)


def paused(
    session: RecordedSession, count: int, minutes: float, by_user: bool
) -> RecordedSession:
    number = len(session.turns)
    at = {number * (i + 1) // (count + 1) for i in range(count)} - {0}
    late, turns = 0.0, []
    for i, turn in enumerate(session.turns):
        before = turn.before
        if i in at:
            late += 60.0 * minutes
            if by_user:
                before = (*before, Entry(role="user", text="Go on."))
        moved = (turn.start + late, turn.end + late)
        turns.append(replace(turn, before=before, start=moved[0], end=moved[1]))
    return replace(session, turns=tuple(turns))


def pinged(
    session: RecordedSession, endpoint: Endpoint, scale: float, *, always: bool
) -> float:
    """USD with pings, each decided from what the conversation was until then."""
    prices, name = prices_of(endpoint), endpoint.cache_id
    state, spent = SessionState().knowing(session.tools), 0.0
    for turn, following in zip(session.turns, [*session.turns[1:], None], strict=True):
        start, usage = turn.start * scale, turn.usage
        state = state.fold(turn.before)
        prefix = state.warm.get(name)
        warm = prefix.alive(start, endpoint.cache_ttl) if prefix else 0
        spent += call_cost(
            prices, prompt=usage.prompt, warm=warm, output=usage.completion
        )
        state = state.after_call(
            name, usage, turn.end * scale, started=start, short=endpoint.cache_ttl
        )
        # A session's last answer, too, leaves the turn to the user.
        asked = following is None or any(e.role == "user" for e in following.before)
        for pings, at in enumerate(due(endpoint, start)):
            if following is not None and at >= following.start * scale:
                break
            if not always and not worth_pinging(
                state, endpoint, pings=pings, asked=asked
            ):
                break
            tokens = state.warm[name].tokens
            spent += call_cost(prices, prompt=tokens, warm=tokens, output=1)
            state = state.kept_alive(name, at)
        state = state.fold((turn.answer,))
    return spent


def due(endpoint: Endpoint, start: float) -> Iterator[float]:
    return (start + (i + 1) * due_after(endpoint) for i in range(MOST))


def costs(
    engine: Engine, endpoint: Endpoint, session: RecordedSession, scale: float
) -> tuple[float, ...]:
    """USD: five minutes, pings by the rule, all pings, lifetimes as chosen."""
    turns = replay(engine, session, scale)
    return (
        sum(session_cost(turns, [endpoint] * len(turns))),
        pinged(session, endpoint, scale, always=False),
        pinged(session, endpoint, scale, always=True),
        sum(session_cost(turns, [t.served for t in turns])),
    )


def main() -> None:
    sessions = read_recordings(Path(sys.argv[1]))
    strongest = tier_set(load_config(Path(sys.argv[2]))).endpoints[-1]
    alone = replace(strongest, key="complex", tier=Tier.COMPLEX)
    engine = Engine(TierSet((alone,)), RULES)
    cases = [(f"{s:g} x", s, (0, 0.0, False)) for s in SCALES]
    for count, minutes, by_user in PAUSES:
        who = "the user's" if by_user else "tools'"
        name = f"{count} of {minutes} min, {who}"
        cases.append((name, 1.0, (count, minutes, by_user)))
    for name, scale, pause in cases:
        rows = [costs(engine, alone, paused(s, *pause), scale) for s in sessions]
        five, _, always, chosen = map(sum, zip(*rows, strict=True))
        print(
            f"{name:>24}  pings by rule {shown(rows)}  "
            f"all six {always / five:.3f}  lifetimes {chosen / five:.3f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
