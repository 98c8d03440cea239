"""``[explore]``: how often another tier than the chosen one is tried."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from openhands_tiered_router.config.fields import Count, Number, Section
from openhands_tiered_router.policy.exploration import Exploration


_DEFAULT: Final = Exploration()

Share = Annotated[Number, Field(ge=0, le=1)]


class ExploreConfig(Section):
    """Trying a neighbouring tier now and then, so that logs can judge policies."""

    share: Annotated[Number, Field(ge=0, le=0.5)] = _DEFAULT.share
    """Share of the turns that allow it; 0: never. Hard and risky turns do not."""
    seed: Count = _DEFAULT.seed
    """Another seed tries other turns."""
    least_mechanical: Share = _DEFAULT.least_mechanical
    """P(mechanical) below which a turn counts as hard and is left alone."""

    def to_exploration(self) -> Exploration:
        """What the engine takes."""
        return Exploration(**dict(self))
