"""``[skills]``: what agents are given beside a model."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from openhands_tiered_router.config.fields import Count, Section
from openhands_tiered_router.skill_kit.settings import SkillSettings


_DEFAULT: Final = SkillSettings()


class SkillsConfig(Section):
    """What agents are given beside a model."""

    max_triggered: Annotated[Count, Field(ge=0, le=100)] = _DEFAULT.max_triggered
    """Skills that one message may trigger, the most relevant: each is a page that
    every later call pays for. The SDK sets no limit."""
    explorer: bool = _DEFAULT.explorer
    """Give agents the ``task`` tool and the sub-agent ``explorer`` on the simple
    tier. Off, since the tool's description is paid for in every call."""

    def to_skills(self) -> SkillSettings:
        """What agents are made with."""
        return SkillSettings(**dict(self))
