"""The skills load by the SDK's own loader, from a repository that copied them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from openhands.sdk.skills import load_project_skills


SKILLS = Path(__file__).parents[2] / "skills"
NAMES = sorted(path.parent.name for path in SKILLS.glob("*/SKILL.md"))


@pytest.mark.parametrize("place", [".agents/skills", ".openhands/skills"])
def test_skills_load_from_a_repository(tmp_path: Path, place: str) -> None:
    shutil.copytree(SKILLS, tmp_path / place)
    loaded = {skill.name: skill for skill in load_project_skills(str(tmp_path))}
    assert NAMES
    assert set(NAMES) <= set(loaded)
    for name in NAMES:
        assert loaded[name].description
        assert loaded[name].trigger is not None
