"""The router that resolves issues."""

from __future__ import annotations

from openhands.sdk.llm import LLM

from openhands_tiered_router import ComplexityRouter
from openhands_tiered_router.memory.settings import MemorySettings
from openhands_tiered_router.resolver.routers import forgetful
from openhands_tiered_router.settings import RouterSettings


def test_what_a_stranger_writes_in_an_issue_is_not_remembered() -> None:
    settings = RouterSettings(memory=MemorySettings(enabled=True))
    router = ComplexityRouter(
        llms_for_routing={"complex": LLM(model="a/b", usage_id="x")}, settings=settings
    )
    assert not forgetful(router).settings.memory.enabled
    assert router.settings.memory.enabled
