"""Fixtures that the tests of commands borrow."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from openhands_tiered_router.record.telemetry.store import Store
from tests.cli.recorded import records
from tests.resolver.conftest import project, server  # noqa: F401


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A telemetry file with ``recorded.records``."""
    path = tmp_path / "telemetry.sqlite3"
    store = Store(path)
    store.write(list(records(time.time() - 30)))
    store.close()
    return path
