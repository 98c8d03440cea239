"""The skills and sub-agents that come with this package."""

from __future__ import annotations

from pathlib import Path
from typing import Final


EXPLORER: Final = "explorer"
"""The sub-agent for search and reading."""

_ASSETS: Final = "assets"


def skills_folder() -> Path:
    """Holds a directory for each skill: in the wheel, or in a checkout."""
    packaged = Path(__file__).parent / "skills"
    return packaged if packaged.is_dir() else Path(__file__).parents[2] / "skills"


def skills() -> dict[str, Path]:
    """The ``SKILL.md`` of each skill, by its name."""
    found = sorted(skills_folder().glob("*/SKILL.md"))
    return {path.parent.name: path for path in found}


def subagents() -> dict[str, Path]:
    """The definition of each sub-agent, by its name; a skill brings it along."""
    found = sorted(skills_folder().glob(f"*/{_ASSETS}/*.md"))
    return {path.stem: path for path in found}
