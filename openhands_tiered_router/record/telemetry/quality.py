"""How good a decision was, by what came of it; docs/telemetry.md has the formula."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from openhands_tiered_router.policy.kinds import MECHANICAL


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


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedTool:
    """A tool call, as far as it matters here."""

    kind: str | None
    failed: bool | None
    invalid: bool = False
    target: int | None = None
    failure: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedTurn:
    """An agent's turn, as far as it matters here. Costs are estimates, USD."""

    served: str | None
    """Endpoint; ``None``: none answered."""
    level: int | None
    """Tier that served, 0 to 3."""
    must_be_hard: bool
    """It opened the work on a request, or answered a failure."""
    floor: int | None = None
    estimate: float | None = None
    """What the choice was expected to cost, now and later."""
    other_estimate: float | None = None
    """What it was weighed against, likewise."""
    other_level: int | None = None
    tools: tuple[JudgedTool, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """What is known of a turn afterwards."""

    score: int | None
    """0 to 100; ``None``: nothing is known of what came of it."""
    provision: Provision | None
    signs: tuple[Sign, ...]
    hard: bool | None
    """Whether it was more than mechanical; ``None``: no tool call was seen."""
    moved: bool | None
    """Whether another endpoint served than the turn before; ``None``: not known."""


def assess(turns: Sequence[JudgedTurn], accepted: bool | None) -> list[Quality]:
    """Judges a conversation's turns, each by itself and by the few that follow it.

    Never by whether the provider answered: that says nothing of the work.

    Args:
        turns: In order.
        accepted: The last verdict on the conversation's work; ``None``: there is none.
    """
    return [_assess(turns, i, accepted) for i in range(len(turns))]


def _assess(turns: Sequence[JudgedTurn], i: int, accepted: bool | None) -> Quality:
    turn = turns[i]
    hard = is_hard(turn)
    signs = _signs(turns, i, accepted, hard)
    known = turn.served is not None and (
        accepted is not None or any(t.failed is not None for t in turn.tools)
    )
    before = turns[i - 1].served if i else None
    unknown = before is None or turn.served is None
    return Quality(
        score=_score(turn, signs) if known else None,
        provision=_provision(signs, hard, known),
        signs=signs,
        hard=hard,
        moved=None if unknown else before != turn.served,
    )


def is_hard(turn: JudgedTurn) -> bool | None:
    """By the measure of ``core.session.is_hard``, from what is recorded."""
    if not turn.tools:
        return None
    return turn.must_be_hard or any(t.kind not in MECHANICAL for t in turn.tools)


def _signs(
    turns: Sequence[JudgedTurn], i: int, accepted: bool | None, hard: bool | None
) -> tuple[Sign, ...]:
    turn = turns[i]
    tools = turn.tools
    holds = (
        (Sign.ACCEPTED, accepted is True),
        (Sign.REJECTED, accepted is False),
        (Sign.WORKED, {t.failed for t in tools} == {False}),
        (Sign.FAILED, any(t.failed and not t.invalid for t in tools)),
        (Sign.INVALID, any(t.invalid for t in tools)),
        (Sign.REWORK, _reworked(turns[i : i + SOON + 1])),
        (Sign.REPEATED, _repeated(turns[max(i - SOON, 0) : i + 1])),
        (Sign.ESCALATED, _escalated(turns[i : i + 2])),
        (Sign.OVERPAID, hard is False and _overpaid(turn) > 0.0),
        (Sign.UNDER_ROUTED, hard is True and (turn.other_level or 0) > _level(turn)),
    )
    return tuple(sign for sign, held in holds if held)


def _reworked(turns: Sequence[JudgedTurn]) -> bool:
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


def _repeated(turns: Sequence[JudgedTurn]) -> bool:
    *before, last = turns
    mine = {t.failure for t in last.tools} - {None}
    return bool(mine) and any(mine & {t.failure for t in turn.tools} for turn in before)


def _escalated(turns: Sequence[JudgedTurn]) -> bool:
    turn, after = turns[0], turns[1:]
    asked = any(
        t.floor is not None and t.floor > max(_level(turn), turn.floor or 0)
        for t in after
    )
    return turn.level is not None and asked


def _overpaid(turn: JudgedTurn) -> float:
    """The share of what it was expected to cost that a weaker tier would have saved."""
    mine, other, level = turn.estimate, turn.other_estimate, turn.other_level
    if mine is None or other is None or level is None or level >= _level(turn):
        return 0.0
    return max(1.0 - other / mine, 0.0) if mine > 0 else 0.0


def _level(turn: JudgedTurn) -> int:
    return 0 if turn.level is None else turn.level


def _score(turn: JudgedTurn, signs: Iterable[Sign]) -> int:
    points = BASE
    for sign in signs:
        share = _overpaid(turn) if sign is Sign.OVERPAID else 1.0
        points += POINTS[sign] * share
    return round(min(max(points, 0.0), 100.0))


_WRONG: Final = frozenset(
    {Sign.FAILED, Sign.INVALID, Sign.REWORK, Sign.REPEATED, Sign.ESCALATED}
)


def _provision(
    signs: Iterable[Sign], hard: bool | None, known: bool
) -> Provision | None:
    if hard is None or not known:
        return None
    if Sign.OVERPAID in signs:
        return Provision.OVER
    if Sign.UNDER_ROUTED in signs and not _WRONG.isdisjoint(signs):
        return Provision.UNDER
    return Provision.RIGHT
