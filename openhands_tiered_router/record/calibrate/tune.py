"""The one knob, set by turns on record: chosen on some sessions, shown on others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from openhands_tiered_router.record.calibrate.logs import LoggedTurn
from openhands_tiered_router.record.calibrate.off_policy import (
    Estimate,
    TooFewError,
    estimate,
    support_of,
)
from openhands_tiered_router.record.calibrate.redecide import Redecider


ECONOMIES: Final = tuple(round(0.1 * i, 1) for i in range(11))
MARGIN: Final = 0.02
"""By how much less often a turn may go well before a cheaper setting is refused: the
lower end of the interval counts, so doubt counts against it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuned:
    """A setting that was cheaper on sessions that it was not chosen on."""

    economy: float
    usd: Estimate
    """USD a turn, on held-out sessions."""
    clean: Estimate | None
    """Share of turns without a failed tool call, likewise; ``None``: not known."""
    sessions: int
    """Held-out ones."""


def tune(turns: Sequence[LoggedTurn], policy: Redecider) -> Tuned:
    """The ``economy`` that costs least on half of the sessions, if the others agree.

    Raises:
        TooFewError: The logs are too thin, or no setting is shown to be cheaper
            without more turns that go wrong.
    """
    names = list(dict.fromkeys(t.session for t in turns))
    chosen_on = set(names[::2])
    some = [t for t in turns if t.session in chosen_on]
    others = [t for t in turns if t.session not in chosen_on]
    thin: TooFewError | None = None
    best: tuple[float, float] | None = None
    for economy in ECONOMIES:
        try:
            usd, clean = _outcomes(some, policy, economy)
        except TooFewError as error:
            thin = error
            continue
        cost = usd.doubly_robust.value
        if _no_worse(clean) and (best is None or cost < best[0]):
            best = cost, economy
    if best is None:
        raise thin or TooFewError("every setting lets more turns go wrong")
    usd, clean = _outcomes(others, policy, best[1])
    if usd.difference.high >= 0.0 or not _no_worse(clean):
        raise TooFewError(
            f"economy {best[1]:g} looked best on {len(chosen_on)} sessions; on the "
            f"{len(names) - len(chosen_on)} others it changed cost by "
            f"{usd.difference} USD a turn: not shown to be better"
        )
    held_out = len(names) - len(chosen_on)
    return Tuned(economy=best[1], usd=usd, clean=clean, sessions=held_out)


def _outcomes(
    turns: Sequence[LoggedTurn], policy: Redecider, economy: float
) -> tuple[Estimate, Estimate | None]:
    changed = policy.policy.model_copy(update={"economy": economy})
    other = replace(policy, policy=changed)
    wanted = [other.tier(turn) for turn in turns]
    support_of(turns, wanted)
    usd = estimate(turns, wanted, lambda t: t.cost)
    if usd is None:
        raise TooFewError("the cost of too few sessions is known")
    return usd, estimate(turns, wanted, lambda t: t.clean)


def _no_worse(clean: Estimate | None) -> bool:
    return clean is None or clean.difference.low >= -MARGIN
