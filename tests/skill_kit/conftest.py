"""The world of ``tests/routed``, and a registry of sub-agents for each test."""

from collections.abc import Iterator

import pytest
from openhands.sdk.subagent import registry

from tests.routed.conftest import _no_hidden_fault, world


__all__ = ["_no_hidden_fault", "world"]


@pytest.fixture(autouse=True)
def _own_subagents() -> Iterator[None]:
    """The SDK's registry is the process's."""
    before = dict(registry._agent_factories)
    registry._agent_factories.clear()
    yield
    registry._agent_factories.clear()
    registry._agent_factories.update(before)
