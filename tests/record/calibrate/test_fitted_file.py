from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from openhands_tiered_router.policy.fitted import FittedError, load_fitted
from openhands_tiered_router.record.calibrate.fitted_file import undo, write_part


def packaged(name: str) -> dict[str, Any]:
    source = files("openhands_tiered_router.policy.difficulty.data").joinpath(name)
    return json.loads(source.read_text("utf-8"))


def test_parts_are_put_together_version_by_version(tmp_path: Path) -> None:
    path = tmp_path / "fitted.json"
    assert write_part(path, "policy", {"task_value": 0.7}, {"sessions": 80}) == 1
    assert write_part(path, "task", packaged("task.json"), {}) == 2
    assert write_part(path, "next_turn", packaged("next_turn.json"), {}) == 3
    fitted = load_fitted(path)
    assert fitted.version == 3
    assert fitted.policy == {"task_value": 0.7}
    assert fitted.task is not None
    assert fitted.next_turn is not None
    assert fitted.evidence["policy"]["sessions"] == 80
    assert set(fitted.evidence["task"]) == {"at"}


def test_a_version_can_be_undone_and_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "fitted.json"
    for task_value in (0.6, 0.7, 0.8):
        write_part(path, "policy", {"task_value": task_value}, {})
    assert undo(path) == 2
    assert load_fitted(path).policy == {"task_value": 0.7}
    assert undo(path) == 1
    assert load_fitted(path).policy == {"task_value": 0.6}
    assert load_fitted(tmp_path / "fitted.v3.json").policy == {"task_value": 0.8}
    with pytest.raises(FittedError, match="the version before 1 is not there"):
        undo(path)
    assert load_fitted(path).policy == {"task_value": 0.6}


def test_what_could_not_be_read_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "fitted.json"
    write_part(path, "policy", {"task_value": 0.6}, {})
    before = path.read_text()
    with pytest.raises(FittedError, match="task_value"):
        write_part(path, "policy", {"task_value": -7}, {})
    assert path.read_text() == before
    path.write_text("{")
    with pytest.raises(FittedError, match="cannot be read"):
        write_part(path, "policy", {"task_value": 0.6}, {})
    assert path.read_text() == "{"
