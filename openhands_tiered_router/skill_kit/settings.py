"""``[skills]``: what agents are given beside a model."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from openhands_tiered_router.fields import Count, Section


class SkillSettings(Section):
    """Limits of triggered skills, and whether work may be handed on."""

    max_triggered: Annotated[Count, Field(ge=0, le=100)] = 3
    """Skills that one message may trigger, the most relevant. Judgement: each is a page
    that every later call pays for; the SDK sets no limit."""
    explorer: bool = False
    """Give agents the ``task`` tool and the sub-agent ``explorer`` on the simple
    tier. Off, since the tool's description is paid for in every call
    (docs/skills.md)."""
