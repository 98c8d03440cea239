"""Sub-agents on a tier: SDK agent definitions whose frontmatter has ``tier:``.

To the SDK alone the key means nothing, and such a sub-agent uses its parent's model.
Here the copy of the router that it is given is pinned; the SDK counts what it costs to
the parent's conversation, and the parent's budgets count it too.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import openhands.tools.terminal  # noqa: F401  registers the tool that definitions name
from openhands.sdk import Agent
from openhands.sdk.llm import LLM
from openhands.sdk.subagent import (
    AgentDefinition,
    agent_definition_to_factory,
    register_agent_if_absent,
    register_file_agents,
    registry,
)
from openhands.sdk.tool import FinishTool

from openhands_tiered_router.router import ComplexityRouter
from openhands_tiered_router.skill_kit.install import EXPLORER, subagents
from openhands_tiered_router.tiers import Tier


logger = logging.getLogger(__name__)

KEY: Final = "tier"
"""The frontmatter key."""


def explorer() -> AgentDefinition:
    """The definition of ``explorer`` that comes with this package."""
    return AgentDefinition.load(subagents()[EXPLORER])


def register_subagents(workspace: str | Path, agent_class: type[Agent]) -> None:
    """Registers sub-agents with tiers for the SDK's ``task`` tool.

    Those of the workspace and of the user first, then ``explorer``. The SDK's registry
    belongs to the process: a name that is taken keeps its definition and gets its tier.

    Args:
        workspace: Directory whose agent definitions are read.
        agent_class: What a sub-agent on a tier is made as; it must keep its router
            when it is stored, as ``RoutedAgent`` does.
    """
    register_file_agents(workspace)
    shipped = explorer()
    make = agent_definition_to_factory(shipped, work_dir=workspace)
    register_agent_if_absent(shipped.name, make, shipped)
    put_on_tiers(agent_class)


def put_on_tiers(agent_class: type[Agent]) -> None:
    """Has the sub-agents that are registered, by whomever, run on the tiers they name.

    The SDK registers what it finds by itself, and an agent-server what its clients
    send, so that the names are taken before this package is asked.
    """
    known = registry._agent_factories
    with registry._registry_lock:
        for name, (make, definition) in known.items():
            if KEY not in definition.metadata or isinstance(make, OnTier):
                continue
            try:
                tier = Tier.parse(str(definition.metadata[KEY]))
            except ValueError as error:
                source = definition.source or name
                logger.warning("%s: sub-agent not on a tier: %s", source, error)
                continue
            on_tier = OnTier(definition, tier, make, agent_class)
            known[name] = registry.AgentFactory(on_tier, definition)


@dataclass(frozen=True, slots=True)
class OnTier:
    """An SDK factory of sub-agents on a tier.

    The definition's text is the whole system prompt, not a suffix of the SDK's own,
    which is ten times as long as ``explorer``'s; and ``finish`` is the only tool beside
    those that it names. With a plain ``LLM`` the agents are those of ``make``.

    A file cannot buy a model: a tier above the router's default one is not pinned.
    """

    definition: AgentDefinition
    tier: Tier
    make: Callable[[LLM], Agent]
    agent_class: type[Agent]

    def __call__(self, llm: LLM) -> Agent:
        if not isinstance(llm, ComplexityRouter):
            return self.make(llm)
        # What a sub-agent hands in is its parent's to verify, and what it is told are
        # a model's words, not a user's decisions.
        off = {
            name: getattr(llm.settings, name).model_copy(update={"enabled": False})
            for name in ("verify", "memory")
        }
        settings = llm.settings.model_copy(update=off)
        router = llm.model_copy(update={"settings": settings})
        if self.tier <= Tier.parse(router.default_tier):
            router.pin(self.tier)
        else:
            name, tier = self.definition.name, self.tier
            logger.warning("%s: tier %s is not pinned", name, tier)
        return self._routed(self.make(router))

    def _routed(self, agent: Agent) -> Agent:
        """The same agent as one that keeps its router and its guards."""
        context = agent.agent_context
        if context is not None:  # its suffix is the system prompt
            context = context.model_copy(update={"system_message_suffix": None})
        return self.agent_class(
            llm=agent.llm,
            tools=agent.tools,
            include_default_tools=[FinishTool.__name__],
            mcp_config=agent.mcp_config,
            condenser=agent.condenser,
            agent_context=context,
            system_prompt=self.definition.system_prompt or None,
        )
