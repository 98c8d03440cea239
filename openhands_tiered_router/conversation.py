"""A routed conversation in one call: agent, tools, condenser and callbacks wired."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

from openhands.sdk import LocalConversation, Tool
from openhands.sdk.context import AgentContext
from openhands.sdk.event import Event
from openhands.tools.preset.default import get_default_tools

from openhands_tiered_router.agent import RoutedAgent, condenser_for
from openhands_tiered_router.guards.confirm.analyzer import wait_for_all
from openhands_tiered_router.guards.confirm.settings import Mode
from openhands_tiered_router.router import ComplexityRouter


def routed_agent(
    router: ComplexityRouter, *, tools: Sequence[Tool] | None = None
) -> RoutedAgent:
    """The SDK's default headless agent on a router.

    Terminal, file editor and task tracker unless ``tools`` says otherwise, with
    ``[skills] explorer`` the ``task`` tool too; a condenser whose summaries are side
    requests; the skills of the workspace's repository, few at once.
    """
    if tools is None:
        with_task = router.settings.skills.explorer
        tools = get_default_tools(enable_browser=False, enable_sub_agents=with_task)
    return RoutedAgent(
        llm=router,
        tools=list(tools),
        condenser=condenser_for(router),
        agent_context=AgentContext(load_project_skills=True),
        system_prompt_kwargs={"cli_mode": True},
    )


def routed_conversation(
    router: ComplexityRouter,
    workspace: str | Path,
    *,
    tools: Sequence[Tool] | None = None,
    callbacks: Sequence[Callable[[Event], None]] = (),
    persistence_dir: str | Path | None = None,
    conversation_id: UUID | None = None,
    **options: Any,
) -> LocalConversation:
    """A local conversation whose every model call goes through ``router``.

    Args:
        router: Serves this conversation alone; give each its own.
        workspace: Directory that the agent works in.
        tools: Instead of the default ones.
        callbacks: Called with each event, after the router's own.
        persistence_dir: Keeps the conversation there, to resume it by its id.
        conversation_id: A conversation that is kept there is resumed.
        options: Further arguments of the SDK's ``LocalConversation``.
    """
    agent = routed_agent(router, tools=tools)
    conversation = LocalConversation(
        agent=agent,
        workspace=str(workspace),
        callbacks=[*router.callbacks(), *callbacks],
        persistence_dir=persistence_dir,
        conversation_id=conversation_id,
        **options,
    )
    confirm = router.settings.confirm
    if confirm.enabled and confirm.mode is Mode.STOP:
        wait_for_all(conversation, confirm)
    return conversation
