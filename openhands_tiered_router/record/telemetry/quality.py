"""Whether a turn got the tier that it needed, by what came of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Final, NamedTuple

from openhands_tiered_router.policy.kinds import MECHANICAL, ActionKind
from openhands_tiered_router.record.telemetry.records import Call, ToolStatus
from openhands_tiered_router.tiers import Tier


class Provision(StrEnum):
    """Whether a turn got the tier that it needed."""

    RIGHT = "right"
    OVER = "over"
    """It was mechanical, and a weaker tier would have cost less."""
    UNDER = "under"
    """It was hard, a stronger tier was there, and it went wrong."""


class Sign(StrEnum):
    """What speaks against a decision."""

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


SOON: Final = 5
"""Turns that count as what followed: runs of mechanical turns last 2.65 on average, so
these are two runs."""


class Quality(NamedTuple):
    """What is known of a turn afterwards: columns of ``decisions``."""

    hard: bool | None
    """Whether it was more than mechanical; ``None``: no tool call was seen."""
    moved: bool | None
    """Whether another endpoint served than the turn before; ``None``: not known."""
    provision: Provision | None
    """``None``: nothing is known of what came of it."""
    signs: tuple[Sign, ...]


def assess(turns: Sequence[Call]) -> list[Quality]:
    """Judges a conversation's turns, each by itself and by the few that follow it.

    Never by whether the provider answered: that says nothing of the work.

    Args:
        turns: The agent's of a conversation, in order, with their tools.
    """
    return [_assess(turns, i) for i in range(len(turns))]


def _assess(turns: Sequence[Call], i: int) -> Quality:
    turn = turns[i]
    hard = is_hard(turn)
    signs = _signs(turns, i, hard)
    known = turn.answered and any(t.failed is not None for t in turn.tools)
    before, served = _served(turns[i - 1]) if i else None, _served(turn)
    return Quality(
        hard=hard,
        moved=None if None in (before, served) else before != served,
        provision=_provision(turn, signs, hard, known),
        signs=signs,
    )


def is_hard(turn: Call) -> bool | None:
    """By the measure of ``policy.actions.is_hard``, from what is recorded."""
    if not turn.tools:
        return None
    must_be = turn.p_mechanical == 0  # it opened the work, or answered a failure
    return must_be or any(t.action_kind not in MECHANICAL for t in turn.tools)


def _signs(turns: Sequence[Call], i: int, hard: bool | None) -> tuple[Sign, ...]:
    turn = turns[i]
    tools = turn.tools
    holds = (
        (Sign.FAILED, any(t.failed and t.status != _INVALID for t in tools)),
        (Sign.INVALID, any(t.status == _INVALID for t in tools)),
        (Sign.REWORK, _reworked(turns[i : i + SOON + 1])),
        (Sign.REPEATED, _repeated(turns[max(i - SOON, 0) : i + 1])),
        (Sign.ESCALATED, _escalated(turns[i : i + 2])),
        (Sign.OVERPAID, hard is False and _overpaid(turn)),
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


def _overpaid(turn: Call) -> bool:
    """Whether a weaker tier was expected to cost less, now and later."""
    if turn.estimated_now is None or turn.weighed_now is None:
        return False
    weaker = _level(turn.weighed_tier) < _level(turn.served_tier)
    mine = turn.estimated_now + (turn.estimated_return or 0.0)
    return weaker and turn.weighed_now + (turn.weighed_return or 0.0) < mine


def _weighed_above(turn: Call) -> bool:
    return _level(turn.weighed_tier) > _level(turn.served_tier)


def _served(turn: Call) -> str | None:
    return turn.served_endpoint if turn.answered else None


def _level(tier: str | None) -> int:
    """0, the weakest, to 3; what is not known counts as the weakest."""
    return _LEVELS.get(tier, 0)


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
