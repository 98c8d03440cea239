"""Evidence that a session is in trouble, and the floor that it raises.

Each sign is a function from a session to the tier that it asks for, or ``None``. The
floor is worked out anew for every turn from what just happened, so success lets it go
by itself: there is nothing that could only go up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

from openhands_tiered_router.policy.kinds import ActionKind
from openhands_tiered_router.policy.policy import Policy
from openhands_tiered_router.policy.session import SessionState, Turn
from openhands_tiered_router.tiers import Tier


Sign = Callable[[SessionState, Policy], Tier | None]


def verification_failed(session: SessionState, policy: Policy) -> Tier | None:
    """A check from outside found the work wrong: the tier above the one that did it.

    Never below the base tier; where it is not known who did it, that and then the one
    above.
    """
    if not session.verification:
        return None
    base, worked = policy.base_tier, session.rejected[-1]
    least = base if session.verification == 1 else base.up()
    return least if worked is None else max(least, worked.up())


def failures_in_a_row(session: SessionState, policy: Policy) -> Tier | None:
    """Several turns failed one after the other, and none has succeeded since."""
    longest = run = 0
    for turn in _lately(session, policy):
        run = run + 1 if turn.trouble else 0
        longest = max(longest, run)
    return policy.base_tier if longest >= policy.failures_in_a_row else None


def same_failure(session: SessionState, policy: Policy) -> Tier | None:
    """The same action failed with the same result twice."""
    failed = Counter(
        (a.signature, a.result)
        for turn in _lately(session, policy)
        for a in turn.actions
        if a.trouble
    )
    return policy.base_tier if any(n >= 2 for n in failed.values()) else None


def going_round(session: SessionState, policy: Policy) -> Tier | None:
    """The same action gave the same result again and again: the tier above base."""
    done = Counter(
        (a.signature, a.result)
        for turn in session.of_request
        for a in turn.actions
        if a.failed is not None
    )
    last = session.of_request[-1:]
    seen = [done[a.signature, a.result] for turn in last for a in turn.actions]
    again = max(seen, default=0)
    return policy.base_tier.up() if again >= policy.repeats else None


def no_progress(session: SessionState, policy: Policy) -> Tier | None:
    """Nothing was edited, written or tested for long."""
    tally = session.tally
    made = (ActionKind.EDIT, ActionKind.SCRIPT, ActionKind.TEST, ActionKind.SNIPPET)
    idle = min(tally.since(kind) or tally.turns for kind in made)
    idle = min(idle, session.since_user)
    return policy.base_tier if idle >= policy.idle_turns else None


def runaway(session: SessionState, policy: Policy) -> Tier | None:
    """The session is longer than nearly all that succeed."""
    return policy.base_tier if session.since_user >= policy.long_run_turns else None


def asked_by_a_guard(session: SessionState, policy: Policy) -> Tier | None:
    """A guard saw what the history does not tell, and asked for the coming turns."""
    nudge = session.nudge
    if nudge is None or session.turns >= nudge.until:
        return None
    tier = policy.base_tier
    for _ in range(nudge.steps):
        tier = tier.up()
    return tier


SIGNS: Final[tuple[Sign, ...]] = (
    verification_failed,
    failures_in_a_row,
    same_failure,
    going_round,
    no_progress,
    runaway,
    asked_by_a_guard,
)


TROUBLES: Final = SIGNS[1:-1]
"""Signs in the work itself, apart from what a verifier or a guard says."""


def trouble(session: SessionState, policy: Policy) -> str | None:
    """The first sign of trouble in the work itself; ``None``: there is no such sign."""
    return next((s.__name__ for s in TROUBLES if s(session, policy)), None)


def escalation(
    session: SessionState, policy: Policy, signs: Sequence[Sign] = SIGNS
) -> tuple[Tier, str] | None:
    """The highest tier that any of the signs asks for, and that sign's name."""
    asked = [(sign(session, policy), sign.__name__) for sign in signs]
    tiers = [(tier, name) for tier, name in asked if tier is not None]
    return max(tiers, key=lambda pair: pair[0], default=None)


def _lately(session: SessionState, policy: Policy) -> tuple[Turn, ...]:
    """The turns since the session last recovered, oldest first."""
    turns, good = session.of_request, 0
    for i in range(len(turns) - 1, -1, -1):
        good = 0 if turns[i].trouble else good + 1
        if good >= policy.recovery_turns:
            return turns[i + 1 :]
    return turns
