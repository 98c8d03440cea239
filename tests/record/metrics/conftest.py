"""A fresh exposition for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from openhands_tiered_router.record.metrics import exposition as module, serving
from openhands_tiered_router.record.metrics.exposition import Exposition, exposition
from openhands_tiered_router.record.metrics.sources import sources
from openhands_tiered_router.record.telemetry import recorder
from tests.routed.conftest import world  # noqa: F401


@pytest.fixture
def shown() -> Iterator[Exposition]:
    before = recorder._observers
    yield exposition()
    recorder._observers = before
    module._made.clear()
    serving._served.clear()
    for known in (sources.endpoints, sources.budgets, sources.recorders):
        known.clear()
