"""What an issue's labels ask for, and whether who set them may.

Text of an issue steers nothing. A label does, where it was set by somebody who is
trusted: named in the configuration, or with rights in the project.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from openhands_tiered_router.resolver.forges import Forge
from openhands_tiered_router.resolver.http import ForgeError
from openhands_tiered_router.resolver.issue import Issue
from openhands_tiered_router.tiers import Tier


_TIER: Final = re.compile(r"tier:\s*(simple|medium|complex|reasoning)", re.IGNORECASE)
_BUDGET: Final = re.compile(r"budget:\s*\$?(\d{1,6}(?:\.\d{1,4})?)")


@dataclass(frozen=True, slots=True)
class Wishes:
    """What labels ask for."""

    tier: Tier | None = None
    usd: float | None = None
    refused: tuple[str, ...] = ()
    """Labels that would steer, but were set by somebody who may not."""


def wishes_of(issue: Issue, forge: Forge, trusted: Collection[str]) -> Wishes:
    """What the labels ask for that were set by trusted people.

    The dearest counts where several ask for the same thing.
    """
    steering = [n for n in issue.labels if _TIER.fullmatch(n) or _BUDGET.fullmatch(n)]
    if not steering:
        return Wishes()
    try:
        setters = forge.label_setters()
        may = {
            login: bool(login) and (login in trusted or forge.may_steer(login))
            for login in {setters.get(name, "") for name in steering}
        }
    except ForgeError:
        return Wishes(refused=tuple(steering))  # not known is not trusted
    allowed = [name for name in steering if may[setters.get(name, "")]]
    tiers = [Tier.parse(m[1].lower()) for n in allowed if (m := _TIER.fullmatch(n))]
    budgets = [float(m[1]) for n in allowed if (m := _BUDGET.fullmatch(n))]
    return Wishes(
        tier=max(tiers, default=None),
        usd=max(budgets, default=None) or None,
        refused=tuple(name for name in steering if name not in allowed),
    )
