"""A router over four models of the loopback provider, and conversations on it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from openhands.sdk import Agent, LocalConversation, Tool
from openhands.sdk.llm import LLM
from openhands.tools.terminal import TerminalTool

from openhands_tiered_router import ComplexityRouter
from openhands_tiered_router.calls.settings import BreakerSettings, DispatchSettings
from openhands_tiered_router.loopback import LoopbackProvider, Reply, ToolCall
from openhands_tiered_router.loopback.scripts import by_turn
from openhands_tiered_router.policy import rules
from openhands_tiered_router.policy.economics.price_book import default_price_book
from openhands_tiered_router.policy.engine import Draft
from openhands_tiered_router.policy.kinds import ActionKind
from openhands_tiered_router.policy.request import Purpose
from openhands_tiered_router.settings import RouterSettings
from openhands_tiered_router.tiers import Tier


MODELS = {
    "simple": "openai/gpt-4o-mini",
    "medium": "openai/gpt-4o",
    "complex": "anthropic/claude-sonnet-4-5",
    "reasoning": "anthropic/claude-opus-4-5",
}
UNRATED = {
    "simple": "openai/gpt-4o-mini",
    "medium": "openai/gpt-4o",
    "complex": "openai/gpt-4.1",
    "reasoning": "openai/o3",
}
"""Models whose success rates nobody knows: trouble raises the floor for them, where
for others it is evidence that is weighed."""
QUICK = DispatchSettings(backoff_base=0.05)
QUICK_BREAKER = BreakerSettings(cooldown=0.5)


def after_a_look(draft: Draft) -> Draft:
    """The one-line rule, so that these tests do not depend on the policy."""
    last = draft.session.last
    looked = last is not None and not last.failed and last.kind in LOOKS
    if draft.request.purpose is not Purpose.TURN or not looked:
        return draft
    return replace(draft, required=Tier.SIMPLE).because("test", "after a look")


LOOKS = (ActionKind.LIST, ActionKind.READ, ActionKind.SEARCH, ActionKind.SCRIPT)
PLAIN_RULES = (
    rules.capable,
    rules.side_request,
    after_a_look,
    rules.pins,
    rules.choose,
)


@dataclass
class World:
    """Everything that a routed conversation needs, all of it real but the models."""

    provider: LoopbackProvider
    workspace: Path
    models = MODELS
    unrated = UNRATED
    quick = QUICK
    conversations: list[LocalConversation] = field(default_factory=list)

    @staticmethod
    def terminal(command: str) -> Reply:
        """The model runs a command."""
        return Reply(tool_calls=(ToolCall("terminal", {"command": command}),))

    @staticmethod
    def finish(message: str = "Done.") -> Reply:
        return Reply(tool_calls=(ToolCall("finish", {"message": message}),))

    @staticmethod
    def spent(conversation: LocalConversation) -> float:
        """USD, as the SDK counts over all usage ids of the conversation."""
        stats = conversation.conversation_stats
        return stats.get_combined_metrics().accumulated_cost

    @staticmethod
    def tiers(router: ComplexityRouter, conversation: LocalConversation) -> list[str]:
        """The tier of each routed call."""
        return [str(call.decision.tier) for call in router.calls(conversation.id)]

    def look_around(self) -> list[Reply]:
        """Five turns: two that look, one that fails, one that writes, the end."""
        return [
            self.terminal("ls"),
            self.terminal("cat notes.txt"),
            self.terminal("false"),
            self.terminal("echo b > notes.txt"),
            self.finish(),
        ]

    def llm(self, model: str, **fields: Any) -> LLM:
        base = self.provider.base_url
        chat = "" if model.startswith("anthropic/") else "/v1"
        fields = {"base_url": base + chat, "api_key": "sk-loopback", **fields}
        return LLM(model=model, **fields)

    def router(
        self, models: dict[str, str] | None = None, **fields: Any
    ) -> ComplexityRouter:
        chosen = models or MODELS
        llm_fields = fields.pop("llm_fields", {})
        llms = {key: self.llm(model, **llm_fields) for key, model in chosen.items()}
        settings = fields.pop("settings", RouterSettings(dispatch=QUICK))
        if "breaker" not in settings.model_fields_set:
            settings = settings.model_copy(update={"breaker": QUICK_BREAKER})
        router = ComplexityRouter(llms_for_routing=llms, settings=settings, **fields)
        return router.with_rules(PLAIN_RULES)

    def agent(self, llm: LLM, kind: type[Agent] = Agent, **fields: Any) -> Agent:
        tools = fields.pop("tools", [Tool(name=TerminalTool.name)])
        return kind(llm=llm, tools=tools, **fields)

    def conversation(self, agent: Agent, **fields: Any) -> LocalConversation:
        conversation = LocalConversation(
            agent=agent,
            workspace=str(self.workspace),
            visualizer=None,
            **fields,
        )
        self.conversations.append(conversation)
        return conversation


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    (workspace / "notes.txt").write_text("a\n")
    book = default_price_book()
    names = {*MODELS.values(), *UNRATED.values(), "openai/gpt-5-codex"}
    listed = {m.partition("/")[2]: book.prices(m) for m in names}
    prices = {model: price for model, price in listed.items() if price}
    with LoopbackProvider(prices=prices) as provider:
        world = World(provider, workspace)
        provider.script = by_turn(world.look_around())
        yield world
        for conversation in world.conversations:
            conversation.close()


@pytest.fixture(autouse=True)
def _no_hidden_fault(
    request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture
) -> Iterator[None]:
    """The router survives its own faults; a test must not overlook them."""
    yield
    if request.node.get_closest_marker("own_fault") is None:
        ours = [r for r in caplog.records if r.name.startswith("openhands_tiered")]
        faults = [r.getMessage() for r in ours if r.levelname == "ERROR"]
        assert faults == []
