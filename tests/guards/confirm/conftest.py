"""A workspace with a link that leads out of it, and the commands to judge in it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from openhands_tiered_router.guards.confirm.paths import Places


DATA = Path(__file__).parent / "data"


def commands(name: str, group: str = "") -> list[str]:
    """The commands of a data file; ``/ws`` in them is the workspace."""
    groups = json.loads((DATA / f"{name}.json").read_text(encoding="utf-8"))
    chosen = [groups[group]] if group else groups.values()
    return [command for group in chosen for command in group]


@pytest.fixture
def places(tmp_path: Path) -> Places:
    workspace = tmp_path / "ws"
    outside = tmp_path / "outside"
    for directory in (workspace / "src", outside):
        directory.mkdir(parents=True)
    (outside / "x").write_text("")
    (workspace / "link-out").symlink_to(outside / "x")
    (workspace / "dir-out").symlink_to(outside)
    (workspace / "README.md").write_text("")
    return Places(str(workspace))
