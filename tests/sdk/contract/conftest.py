"""The same test on a plain ``LLM`` and on a router: the SDK's promises hold for both.

``llm`` is a factory. What it makes answers by one model of the loopback provider, or
by four that look the same to the caller.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from openhands.sdk.llm import LLM, Message, TextContent

from openhands_tiered_router import ComplexityRouter
from openhands_tiered_router.loopback import Reply, Request
from openhands_tiered_router.settings import RouterSettings
from tests.routed.conftest import (
    PLAIN_RULES,
    QUICK,
    World,
    _no_hidden_fault,  # noqa: F401
    world,  # noqa: F401
)


type Factory = Callable[..., LLM]

HELLO = [Message(role="user", content=[TextContent(text="Hello.")])]
CHAT = "openai/gpt-4o"
CODEX = "openai/gpt-5-codex"
PATIENT_FOR_2_S = QUICK.model_copy(update={"total_timeout": 2.0})
"""Else a call that fails everywhere is tried again for two minutes."""


@pytest.fixture(params=["plain", "router"])
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def llm(world: World, kind: str) -> Factory:  # noqa: F811
    """``llm(model=..., **fields)``: fields are those of each model."""

    def make(model: str = CHAT, **fields: Any) -> LLM:
        usage_id = fields.pop("usage_id", "agent")
        if kind == "plain":
            return world.llm(model, usage_id=usage_id, **fields)
        tiers = {key: world.llm(model, **fields) for key in world.models}
        router = ComplexityRouter(
            llms_for_routing=tiers,
            usage_id=usage_id,
            settings=RouterSettings(dispatch=PATIENT_FOR_2_S),
        )
        return router.with_rules(PLAIN_RULES)

    return make


@pytest.fixture(autouse=True)
def _short_runs(world: World) -> None:  # noqa: F811
    """Each run looks once and says that it is done."""

    def answer(request: Request) -> Reply:
        last = request.messages[-1]
        if request.tools and last.role == "user" and "?" not in last.text:
            return world.terminal("ls")
        return Reply(text="Done.")

    world.provider.script = answer
