"""How good a decision was, by what came of it; docs/telemetry.md has the formula."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Final, NamedTuple

from openhands_tiered_router.policy.kinds import MECHANICAL, ActionKind
from openhands_tiered_router.record.telemetry.calls import Call, ToolStatus
from openhands_tiered_router.tiers import Tier


class Provision(StrEnum):
    """Whether a turn got the tier that it needed."""

    RIGHT = "right"
    OVER = "over"
    """It was mechanical, and a weaker tier would have cost less."""
    UNDER = "under"
    """It was hard, a stronger tier was there, and it went wrong."""


class Sign(StrEnum):
    """What speaks for or against a decision."""

    ACCEPTED = "accepted"
    """The last verdict on the conversation's work is good."""
    REJECTED = "rejected"
    """It is not."""
    WORKED = "worked"
    """All tool calls ran, and none failed."""
    FAILED = "failed"
    """A tool call failed."""
    INVALID = "invalid"
    """A tool call could not run at all: the model's own mistake."""
    REWORK = "rework"
    """A file that it changed was changed again after a failure, soon."""
    REPEATED = "repeated"
    """It failed as a turn shortly before it had."""
    ESCALATED = "escalated"
    """The next turn was not allowed to a tier as weak."""
    OVERPAID = "overpaid"
    """It was mechanical, and a weaker tier was expected to cost less."""
    UNDER_ROUTED = "under_routed"
    """It was hard, and served by a tier below the one that it was weighed against."""


BASE: Final = 50.0
"""Points of a turn of which nothing speaks for or against."""

POINTS: Final[dict[Sign, float]] = {
    Sign.ACCEPTED: 30.0,
    Sign.REJECTED: -30.0,
    Sign.WORKED: 20.0,
    Sign.FAILED: -10.0,
    Sign.INVALID: -20.0,
    Sign.REWORK: -20.0,
    Sign.REPEATED: -20.0,
    Sign.ESCALATED: -15.0,
    Sign.OVERPAID: -20.0,
    Sign.UNDER_ROUTED: 0.0,
}
"""Judgement, in the order of what the measurements say: a verdict is the one strong
sign; a failed command hardly tells anything (AUC .48 to .55 for the outcome), the same
failure again does (a third of commands fail after two failures, a tenth otherwise)."""

SOON: Final = 5
"""Turns that count as what followed: runs of mechanical turns last 2.65 on average, so
these are two runs."""


class Quality(NamedTuple):
    """What is known of a turn afterwards: columns of ``decisions``."""

    hard: bool | None
    """Whether it was more than mechanical; ``None``: no tool call was seen."""
    moved: bool | None
    """Whether another endpoint served than the turn before; ``None``: not known."""
    quality: int | None
    """0 to 100; ``None``: nothing is known of what came of it."""
    provision: Provision | None
    signs: tuple[Sign, ...]


def assess(turns: Sequence[Call], accepted: bool | None) -> list[Quality]:
    """Judges a conversation's turns, each by itself and by the few that follow it.

    Never by whether the provider answered: that says nothing of the work.

    Args:
        turns: The agent's of a conversation, in order, with their tools.
        accepted: The last verdict on the conversation's work; ``None``: there is none.
    """
    return [_assess(turns, i, accepted) for i in range(len(turns))]


def _assess(turns: Sequence[Call], i: int, accepted: bool | None) -> Quality:
    turn = turns[i]
    hard = is_hard(turn)
    signs = _signs(turns, i, accepted, hard)
    known = _served(turn) is not None and (
        accepted is not None or any(t.failed is not None for t in turn.tools)
    )
    before, served = _served(turns[i - 1]) if i else None, _served(turn)
    return Quality(
        hard=hard,
        moved=None if None in (before, served) else before != served,
        quality=_score(turn, signs) if known else None,
        provision=_provision(turn, signs, hard, known),
        signs=signs,
    )


def is_hard(turn: Call) -> bool | None:
    """By the measure of ``policy.session.is_hard``, from what is recorded."""
    if not turn.tools:
        return None
    must_be = turn.p_mechanical == 0  # it opened the work, or answered a failure
    return must_be or any(t.action_kind not in MECHANICAL for t in turn.tools)


def _signs(
    turns: Sequence[Call], i: int, accepted: bool | None, hard: bool | None
) -> tuple[Sign, ...]:
    turn = turns[i]
    tools = turn.tools
    holds = (
        (Sign.ACCEPTED, accepted is True),
        (Sign.REJECTED, accepted is False),
        (Sign.WORKED, {t.failed for t in tools} == {False}),
        (Sign.FAILED, any(t.failed and t.status != _INVALID for t in tools)),
        (Sign.INVALID, any(t.status == _INVALID for t in tools)),
        (Sign.REWORK, _reworked(turns[i : i + SOON + 1])),
        (Sign.REPEATED, _repeated(turns[max(i - SOON, 0) : i + 1])),
        (Sign.ESCALATED, _escalated(turns[i : i + 2])),
        (Sign.OVERPAID, hard is False and _overpaid(turn) > 0.0),
        (Sign.UNDER_ROUTED, hard is True and _weighed_above(turn)),
    )
    return tuple(sign for sign, held in holds if held)


def _reworked(turns: Sequence[Call]) -> bool:
    first, *rest = turns
    changed = {t.target for t in first.tools} - {None}
    if not changed:
        return False
    failed = any(t.failed for t in first.tools)
    for turn in rest:
        if failed and changed & {t.target for t in turn.tools}:
            return True
        failed = failed or any(t.failed for t in turn.tools)
    return False


def _repeated(turns: Sequence[Call]) -> bool:
    *before, last = turns
    mine = {t.failure for t in last.tools} - {None}
    return bool(mine) and any(mine & {t.failure for t in turn.tools} for turn in before)


def _escalated(turns: Sequence[Call]) -> bool:
    turn, after = turns[0], turns[1:]
    allowed = max(_level(turn.served_tier), _level(turn.floor))
    asked = any(_level(t.floor) > allowed for t in after)
    return turn.served_tier is not None and asked


def _overpaid(turn: Call) -> float:
    """The share of what it was expected to cost that a weaker tier would have saved."""
    if turn.estimated_now is None or turn.weighed_now is None:
        return 0.0
    weaker = _level(turn.weighed_tier) < _level(turn.served_tier)
    mine = turn.estimated_now + (turn.estimated_return or 0.0)
    other = turn.weighed_now + (turn.weighed_return or 0.0)
    return max(1.0 - other / mine, 0.0) if weaker and mine > 0 else 0.0


def _weighed_above(turn: Call) -> bool:
    return _level(turn.weighed_tier) > _level(turn.served_tier)


def _served(turn: Call) -> str | None:
    return turn.served_endpoint if turn.answered else None


def _level(tier: str | None) -> int:
    """0, the weakest, to 3; what is not known counts as the weakest."""
    return _LEVELS.get(tier, 0)


def _score(turn: Call, signs: Iterable[Sign]) -> int:
    points = BASE
    for sign in signs:
        share = _overpaid(turn) if sign is Sign.OVERPAID else 1.0
        points += POINTS[sign] * share
    return round(min(max(points, 0.0), 100.0))


_LEVELS: Final[dict[str | None, int]] = {str(tier): int(tier) for tier in Tier}
_INVALID: Final = ToolStatus.INVALID

_WRONG: Final = frozenset({Sign.INVALID, Sign.REWORK, Sign.REPEATED, Sign.ESCALATED})


def _went_wrong(turn: Call, signs: Iterable[Sign]) -> bool:
    """Tests that fail are what a turn was to find out, not its fault."""
    failed = (t for t in turn.tools if t.failed and t.action_kind != ActionKind.TEST)
    return not _WRONG.isdisjoint(signs) or any(failed)


def _provision(
    turn: Call, signs: Iterable[Sign], hard: bool | None, known: bool
) -> Provision | None:
    if hard is None or not known:
        return None
    if Sign.OVERPAID in signs:
        return Provision.OVER
    if Sign.UNDER_ROUTED in signs and _went_wrong(turn, signs):
        return Provision.UNDER
    return Provision.RIGHT
