from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from openhands_tiered_router.policy.fitted import FittedError, load_fitted
from openhands_tiered_router.record.calibrate.profile import write_part


def packaged(name: str) -> dict[str, Any]:
    source = files("openhands_tiered_router.policy.difficulty.data").joinpath(name)
    return json.loads(source.read_text("utf-8"))


def test_parts_are_put_together(tmp_path: Path) -> None:
    path = tmp_path / "fitted.json"
    write_part(path, "task", packaged("task.json"), {"issues": 80})
    write_part(path, "next_turn", packaged("next_turn.json"), {})
    fitted = load_fitted(path)
    assert fitted.task is not None
    assert fitted.next_turn is not None
    assert fitted.evidence["task"]["issues"] == 80
    assert set(fitted.evidence["next_turn"]) == {"at"}


def test_what_could_not_be_read_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "fitted.json"
    write_part(path, "task", packaged("task.json"), {})
    before = path.read_text()
    with pytest.raises(FittedError, match="prompt"):
        write_part(path, "task", {"format": 1}, {})
    assert path.read_text() == before
    path.write_text("{")
    with pytest.raises(FittedError, match="cannot be read"):
        write_part(path, "task", packaged("task.json"), {})
    assert path.read_text() == "{"
