"""Sub-agents on a tier: SDK agent definitions whose frontmatter has ``tier:``.

To the SDK alone the key means nothing, and such a sub-agent uses its parent's model.
Here the copy of the router that it is given is pinned; the SDK counts what it costs to
the parent's conversation, and the parent's budgets count it too.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Final

import openhands.tools.terminal  # noqa: F401  registers the tool that definitions name
from openhands.sdk import Agent
from openhands.sdk.llm import LLM
from openhands.sdk.subagent import (
    AgentDefinition,
    agent_definition_to_factory,
    discover_agents,
    register_agent_if_absent,
)
from openhands.sdk.tool import FinishTool

from openhands_tiered_router.agent import RoutedAgent
from openhands_tiered_router.router import ComplexityRouter
from openhands_tiered_router.skill_kit.package import EXPLORER, subagents
from openhands_tiered_router.tiers import Tier


logger = logging.getLogger(__name__)

KEY: Final = "tier"
"""The frontmatter key."""


def explorer() -> AgentDefinition:
    """The definition of ``explorer`` that comes with this package."""
    return AgentDefinition.load(subagents()[EXPLORER])


def register_subagents(workspace: str | Path) -> list[str]:
    """Makes sub-agents on tiers known to the SDK's ``task`` tool.

    Those of the workspace and of the user, as far as they name a tier, then
    ``explorer``. The SDK's registry is the process's: a name that is taken stays as it
    is. A definition that cannot be used is left out with a warning.

    Returns:
        The names that are new.
    """
    known = [d for d in discover_agents(workspace) if KEY in d.metadata]
    return [
        definition.name
        for definition in (*known, explorer())
        if _register(definition, workspace)
    ]


def _register(definition: AgentDefinition, workspace: str | Path) -> bool:
    try:
        tier = Tier.parse(str(definition.metadata[KEY]))
        make = agent_definition_to_factory(definition, work_dir=workspace)
    except ValueError as error:
        source = definition.source or definition.name
        logger.warning("%s: sub-agent left out: %s", source, error)
        return False
    factory = on_tier(definition, tier, make)
    return register_agent_if_absent(definition.name, factory, definition)


def on_tier(
    definition: AgentDefinition, tier: Tier, make: Callable[[LLM], Agent]
) -> Callable[[LLM], Agent]:
    """An SDK factory of sub-agents on ``tier``.

    The definition's text is the whole system prompt, not a suffix of the SDK's own,
    which is ten times as long as ``explorer``'s; and ``finish`` is the only tool beside
    those that it names. With a plain ``LLM`` the agents are those of ``make``.

    A file cannot buy a model: a tier above the router's default one is not pinned.
    """

    def factory(llm: LLM) -> Agent:
        if not isinstance(llm, ComplexityRouter):
            return make(llm)
        # What a sub-agent hands in is its parent's to verify.
        verify = llm.settings.verify.model_copy(update={"enabled": False})
        settings = llm.settings.model_copy(update={"verify": verify})
        router = llm.model_copy(update={"settings": settings})
        if tier <= Tier.parse(router.default_tier):
            router.pin(tier)
        else:
            logger.warning("%s: tier %s is not pinned", definition.name, tier)
        return _routed(make(router), definition.system_prompt)

    return factory


def _routed(agent: Agent, system_prompt: str) -> RoutedAgent:
    """The same agent as one that keeps its router and its guards."""
    context = agent.agent_context
    if context is not None:  # its suffix is the system prompt
        context = context.model_copy(update={"system_message_suffix": None})
    return RoutedAgent(
        llm=agent.llm,
        tools=agent.tools,
        include_default_tools=[FinishTool.__name__],
        mcp_config=agent.mcp_config,
        condenser=agent.condenser,
        agent_context=context,
        system_prompt=system_prompt or None,
    )
