"""What requests that only keep a cache alive would save, where one model serves.

    python tests/benchmarks/keep_alive.py SESSIONS CONFIG

SESSIONS is a JSON Lines file as for ``tiered-router replay``; the strongest tier of
CONFIG serves every turn. 270 s after a request that nothing followed its prompt is sent
again for one token, at most six times. Prints the cost relative to five minutes
throughout for the lifetimes as chosen, and for such pings on five-minute caches: with
nobody knowing that a session is over, and with that known. The first rows have
a pause of so many minutes in the middle of each session, the others stretched times.
"""

import sys
from dataclasses import replace
from pathlib import Path

from openhands_tiered_router.config import load_config, tier_set
from openhands_tiered_router.policy.engine import Engine
from openhands_tiered_router.policy.rules import RULES
from openhands_tiered_router.record.replay.costs import prices_of, session_cost
from openhands_tiered_router.record.replay.run import ReplayedTurn, replay
from openhands_tiered_router.record.replay.sessions import (
    RecordedSession,
    read_sessions,
)
from openhands_tiered_router.tiers import Endpoint, Tier, TierSet


EVERY = 270.0
MOST = 6
PAUSES = (600.0, 1_500.0, 3_000.0)
SCALES = (1.0, 5.0, 10.0, 30.0)


def paused(session: RecordedSession, seconds: float) -> RecordedSession:
    middle = len(session.turns) // 2
    late = [
        replace(t, start=t.start + seconds, end=t.end + seconds)
        for t in session.turns[middle:]
    ]
    return replace(session, turns=(*session.turns[:middle], *late))


def pinged(turns: list[ReplayedTurn], endpoint: Endpoint, *, at_end: bool) -> float:
    """USD with pings: those that are sent, and a gap that they do not bridge is one."""
    prices = prices_of(endpoint)
    spent, shift, moved = 0.0, 0.0, list[ReplayedTurn]()
    for turn, following in zip(turns, [*turns[1:], None], strict=True):
        moved.append(replace(turn, start=turn.start - shift))
        gap = following.start - turn.start if following else MOST * EVERY + 1
        count = min(int(gap // EVERY), MOST)
        if following is None and not at_end:
            count = 0
        spent += count * (prices.cache_read * turn.turn.usage.prompt + prices.output)
        # What is left of the gap after the last ping is all that the cache notices.
        shift += count * EVERY
    return spent + sum(session_cost(moved, [endpoint] * len(moved)))


def main() -> None:
    sessions = read_sessions(Path(sys.argv[1]))
    strongest = tier_set(load_config(Path(sys.argv[2]))).endpoints[-1]
    alone = replace(strongest, key="complex", tier=Tier.COMPLEX)
    engine = Engine(TierSet((alone,)), RULES)
    cases = [(f"{p / 60:g} min", 1.0, p) for p in PAUSES]
    cases += [(f"{s:g} x", s, 0.0) for s in SCALES]
    for name, scale, pause in cases:
        five = chosen = unknown = known = 0.0
        for session in sessions:
            turns = replay(engine, paused(session, pause), scale)
            five += sum(session_cost(turns, [alone] * len(turns)))
            chosen += sum(session_cost(turns, [t.served for t in turns]))
            unknown += pinged(turns, alone, at_end=True)
            known += pinged(turns, alone, at_end=False)
        print(
            f"{name:>8}  as chosen {chosen / five:.3f}  pings {unknown / five:.3f}  "
            f"with the end known {known / five:.3f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
