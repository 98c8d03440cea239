"""A telemetry file of made-up conversations, judged."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from openhands_tiered_router.record.telemetry.judging import assess


MAKER = Path(__file__).parents[2] / "benchmarks" / "synthetic.py"


@pytest.fixture(scope="session")
def record(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some 40 conversations with failovers, verdicts, breakers and budgets."""
    spec = importlib.util.spec_from_file_location("synthetic", MAKER)
    assert spec is not None
    assert spec.loader is not None
    maker = importlib.util.module_from_spec(spec)
    sys.modules["synthetic"] = maker
    spec.loader.exec_module(maker)
    path = tmp_path_factory.mktemp("record") / "telemetry.sqlite3"
    maker.fill(path, 3_000)
    assert assess(path, 60).left == 0
    return path
