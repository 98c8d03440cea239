"""What the choice of a cache lifetime saves where one model serves every turn.

    python tests/benchmarks/cache_lifetimes.py SESSIONS CONFIG

SESSIONS is a JSON Lines file as for ``tiered-router replay``; the strongest tier of
CONFIG serves. Prints the cost relative to five minutes throughout, with a 95 %
bootstrap interval over sessions, for the lifetime chosen each turn; an hour
throughout; the better of the two for each session in hindsight; and the one that the
policy's own rule takes if it knows the mean and the spread of a session's gaps
beforehand, which no rule can that learns them as it goes.
"""

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ratios import shown

from openhands_tiered_router.config import load_config, tier_set
from openhands_tiered_router.policy.caches import Gaps
from openhands_tiered_router.policy.economics.lifetime import buys_hour, for_an_hour
from openhands_tiered_router.policy.engine import Engine
from openhands_tiered_router.policy.rules import RULES
from openhands_tiered_router.policy.session import SessionState
from openhands_tiered_router.record.replay.costs import session_cost
from openhands_tiered_router.record.replay.recordings import read_recordings
from openhands_tiered_router.record.replay.run import ReplayedTurn, replay
from openhands_tiered_router.record.replay.sessions import RecordedSession
from openhands_tiered_router.tiers import Endpoint, Tier, TierSet


SCALES = (1.0, 5.0, 10.0, 30.0)
SURE = 1_000
"""Times that each gap counts, so that nothing of a prior is left."""
Costs = tuple[float, float, float, float]


def costs(
    engine: Engine, endpoint: Endpoint, session: RecordedSession, scale: float
) -> Costs:
    """USD of a session: five minutes throughout, as chosen, an hour throughout, and
    the better of these by its whole distribution of gaps."""
    turns = replay(engine, session, scale)
    short, hour = [endpoint] * len(turns), [for_an_hour(endpoint)] * len(turns)
    chosen = [turn.served for turn in turns]
    known = hour if buys_hour(known_gaps(turns, endpoint), endpoint, now=0.0) else short
    five, adaptive, long, best = (
        sum(session_cost(turns, served)) for served in (short, chosen, hour, known)
    )
    return five, adaptive, long, best


def known_gaps(turns: Sequence[ReplayedTurn], endpoint: Endpoint) -> SessionState:
    gaps = Gaps()
    for before, after in zip(turns, turns[1:], strict=False):
        gaps = gaps.after(after.start - before.start)
    sure = Gaps(SURE * gaps.count, SURE * gaps.log_sum, SURE * gaps.log_squares)
    return SessionState(gaps={endpoint.cache_id: sure})


def main() -> None:
    sessions = read_recordings(Path(sys.argv[1]))
    strongest = tier_set(load_config(Path(sys.argv[2]))).endpoints[-1]
    alone = replace(strongest, key="complex", tier=Tier.COMPLEX)
    engine = Engine(TierSet((alone,)), RULES)
    for scale in SCALES:
        rows = [costs(engine, alone, session, scale) for session in sessions]
        five, _, hour, known = map(sum, zip(*rows, strict=True))
        best = sum(min(r[0], r[2]) for r in rows)
        print(
            f"{scale:4g} x  chosen {shown(rows)}  "
            f"hour {hour / five:.3f}  hindsight {best / five:.3f}  "
            f"gaps known beforehand {known / five:.3f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
