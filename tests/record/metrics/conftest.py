"""A fresh exposition for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from openhands_tiered_router.record.metrics import exposition as module, serving
from openhands_tiered_router.record.metrics.exposition import Exposition, exposition
from openhands_tiered_router.record.metrics.sources import sources
from openhands_tiered_router.record.telemetry import recorder
from tests.routed.conftest import world  # noqa: F401


def _forget() -> None:
    module._made.cache_clear()
    serving._served.clear()
    for known in (sources.endpoints, sources.budgets, sources.recorders):
        known.clear()


@pytest.fixture
def shown() -> Iterator[Exposition]:
    """Of this test's routers alone: those of other tests in this process are known,
    too, and one of them may be ready."""
    before = recorder._observers
    _forget()
    yield exposition()
    recorder._observers = before
    _forget()
