"""What agents are given beside a model; the configuration's ``[skills]``."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class SkillSettings:
    """Limits of triggered skills, and whether work may be handed on."""

    max_triggered: int = 3
    """Skills that one message of the user may trigger. Judgement: each is a page that
    every later call of the conversation pays for; the SDK sets no limit."""
    explorer: bool = False
    """Give agents the SDK's ``task`` tool and the sub-agent ``explorer``. Off, since
    the tool's description is paid for in every call (docs/skills.md)."""
