"""``RoutedAgent``: an agent kind that keeps its router when it is stored.

``VerifiedAgent`` is its counterpart for a plain ``LLM``.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from openhands.sdk import Agent, LocalConversation, Tool
from openhands.sdk.agent import base as agent_base
from openhands.sdk.context import AgentContext
from openhands.sdk.context.condenser import CondenserBase, PipelineCondenser
from openhands.sdk.conversation import (
    ConversationCallbackType,
    ConversationTokenCallbackType,
)
from openhands.sdk.conversation.state import ConversationState
from openhands.sdk.llm import LLM
from openhands.sdk.tool import ToolDefinition
from openhands.tools.preset.default import get_default_condenser
from openhands.tools.task import TaskToolSet
from pydantic import (
    Field,
    PrivateAttr,
    SerializeAsAny,
    ValidationInfo,
    field_validator,
    model_validator,
)

from openhands_tiered_router import subagents
from openhands_tiered_router.calls.fleet import fleet
from openhands_tiered_router.guards.confirm.analyzer import confirm_as_configured
from openhands_tiered_router.guards.guard import watched
from openhands_tiered_router.guards.verify.agent import VerifiesFinish
from openhands_tiered_router.guards.verify.finish import Finish
from openhands_tiered_router.guards.verify.settings import VerifySettings
from openhands_tiered_router.router import ComplexityRouter
from openhands_tiered_router.sdk.answers_kept import answers_of, with_kept_explorations
from openhands_tiered_router.sdk.arrival import with_filter
from openhands_tiered_router.sdk.histories import recall_authors
from openhands_tiered_router.sdk.masking import (
    ColdCacheCondenser,
    longest_lifetime,
    masks,
)
from openhands_tiered_router.sdk.memory import recall_for
from openhands_tiered_router.sdk.tool_choice import ToolChoice, choice_for
from openhands_tiered_router.sdk.verification import finish_of
from openhands_tiered_router.skill_kit.context import CappedContext, by_relevance
from openhands_tiered_router.skill_kit.install import EXPLORER
from openhands_tiered_router.skill_kit.settings import SkillSettings


logger = logging.getLogger(__name__)

CONDENSER: Final = ":condenser"
"""How the usage id of a router's copy for a condenser ends."""


def register_subagents(workspace: str | Path) -> None:
    """Registers sub-agents with tiers for the SDK's ``task`` tool.

    A routed agent with that tool calls this itself; beside a stock ``Agent`` call it
    before the conversation starts.

    Args:
        workspace: Directory whose agent definitions are read, besides the user's own.
    """
    subagents.register_subagents(workspace, RoutedAgent)


def offer_subagents(tools: Sequence[Tool], state: ConversationState) -> None:
    """Makes ``explorer`` and others on tiers known, for agents that can hand work on.

    On a fault of ours they run on the tiers that the router decides.
    """
    if not any(tool.name == TaskToolSet.name for tool in tools):
        return
    try:
        register_subagents(state.workspace.working_dir)
    except Exception as error:
        logger.error("sub-agents not put on tiers: %s", type(error).__name__)


def condenser_for(router: ComplexityRouter) -> CondenserBase:
    """The SDK's default one with summaries as side requests of that router; with
    ``[tokens] mask`` behind one that leaves out what no cache holds any more."""
    summaries = get_default_condenser(
        router.model_copy(update={"usage_id": f"{router.usage_id}{CONDENSER}"})
    )
    if not router.settings.tokens.mask:
        return summaries
    longest = longest_lifetime(router.llms_for_routing, router.settings)
    masks = ColdCacheCondenser(lifetime=longest)
    return PipelineCondenser(condensers=[masks, summaries])


class RoutedAgent(VerifiesFinish, Agent):
    """An ``Agent`` whose router survives forks, restarts and the agent-server.

    A stock ``Agent`` stores its ``llm`` as a plain ``LLM``: what comes back after a
    fork, or a resume without an agent, is the router's default tier alone.

    The field stays wide, so that ``switch_llm`` to a plain model still works; the
    condenser keeps its router then.
    """

    llm: SerializeAsAny[LLM]
    _choice: ToolChoice | None = PrivateAttr(default=None)
    _chosen: bool = PrivateAttr(default=False)

    @model_validator(mode="before")
    @classmethod
    def _route_condenser(cls, data: Any, info: ValidationInfo) -> Any:
        """A stored condenser names a plain model; if it was a copy of the router, it is
        one again, under the usage id that its books are kept by."""
        if not isinstance(data, dict):
            return data
        llm, condenser = data.get("llm"), data.get("condenser")
        if not isinstance(llm, dict) or not llm.get("llms_for_routing"):
            return data
        if not isinstance(condenser, dict) or not _copies(condenser):
            return data
        router = ComplexityRouter.model_validate(llm, context=info.context)
        return {**data, "llm": router, "condenser": _on_router(condenser, router)}

    @field_validator("llm", mode="before")
    @classmethod
    def _restore_router(cls, value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, dict) and value.get("llms_for_routing"):
            return ComplexityRouter.model_validate(value, context=info.context)
        return value

    @field_validator("agent_context")
    @classmethod
    def _cap_skills(
        cls, context: AgentContext | None, info: ValidationInfo
    ) -> AgentContext | None:
        """The SDK's own context, also one that was stored, gets a limit of skills."""
        if type(context) is not AgentContext:
            return context
        llm = info.data.get("llm")
        routed = isinstance(llm, ComplexityRouter)
        settings = llm.settings.skills if routed else SkillSettings()
        return CappedContext.of(context, settings.max_triggered)

    @property
    def verifies(self) -> bool:
        """Whether finished work is verified; see docs/verification.md."""
        llm = self.llm
        return isinstance(llm, ComplexityRouter) and llm.settings.verify.enabled

    def finish_of(self, conversation: LocalConversation) -> Finish | None:
        """How the ends of a conversation are verified; ``None``: not at all."""
        llm = self.llm
        if not isinstance(llm, ComplexityRouter) or not llm.settings.verify.enabled:
            return None
        return finish_of(
            conversation,
            llm.settings.verify,
            recorder=llm.recorder,
            graph=llm.settings.graph.enabled,
            escalate=fleet().session(str(conversation.id)).rejected,
            router=llm,
            not_worth=partial(llm.not_worth_another_try, conversation.id),
        )

    def _initialize(self, state: ConversationState) -> None:
        """The SDK makes the tools here: one of them tells the model of sub-agents."""
        first, llm = not self._initialized, self.llm
        if first:
            offer_subagents(self.tools, state)
        super()._initialize(state)
        if first and isinstance(llm, ComplexityRouter):
            if llm.settings.tokens.filter and not masks(self.condenser):
                self._tools = with_filter(self._tools)
            answers = answers_of(llm.settings.tokens)
            if answers is not None:
                models = sorted((k, m.model) for k, m in llm.llms_for_routing.items())
                self._tools = with_kept_explorations(
                    self._tools, EXPLORER, answers, models, llm.recorder
                )

    def init_state(
        self, state: ConversationState, on_event: ConversationCallbackType
    ) -> None:
        """See ``Agent.init_state``; with the confirmation that is configured, and with
        what the repository's memory has for the first request."""
        self._remember(state)
        super().init_state(state, on_event=on_event)
        if isinstance(self.llm, ComplexityRouter):
            confirm_as_configured(state, self.llm.settings.confirm)
            recall_authors(state, self.llm.llms_for_routing, self.llm._ready)

    def _remember(self, state: ConversationState) -> None:
        llm, context = self.llm, self.agent_context
        if isinstance(llm, ComplexityRouter) and isinstance(context, CappedContext):
            recall = recall_for(state, llm.settings.memory)
            if recall is not None:
                context.begins_with(recall)

    @property
    def tools_map(self) -> dict[str, ToolDefinition]:
        """See the SDK's; from the first step on with ``[tokens] tool_tokens`` only the
        tools that the conversation is offered."""
        tools = super().tools_map
        return self._choice.offered(tools) if self._choice else tools

    def _choose_tools(self, state: ConversationState) -> None:
        llm = self.llm
        if self._chosen or not isinstance(llm, ComplexityRouter):
            return
        self._chosen = True
        most = llm.settings.tokens.tool_tokens
        if most is not None:
            tools = super().tools_map
            self._choice = choice_for(state, tools, most, by_relevance)

    def step(
        self,
        conversation: LocalConversation,
        on_event: ConversationCallbackType,
        on_token: ConversationTokenCallbackType | None = None,
    ) -> None:
        """See ``Agent.step``; with the router's guards where no callbacks reach."""
        self._choose_tools(conversation.state)
        on_event = self._watched(conversation, on_event)
        super().step(conversation, on_event=on_event, on_token=on_token)

    async def astep(
        self,
        conversation: LocalConversation,
        on_event: ConversationCallbackType,
        on_token: ConversationTokenCallbackType | None = None,
    ) -> None:
        """Async twin of ``step``."""
        self._choose_tools(conversation.state)
        on_event = self._watched(conversation, on_event)
        await super().astep(conversation, on_event=on_event, on_token=on_token)

    def _watched(
        self, conversation: LocalConversation, on_event: ConversationCallbackType
    ) -> ConversationCallbackType:
        llm = self.llm
        if not isinstance(llm, ComplexityRouter):
            return on_event
        return watched(conversation, llm.callbacks, on_event)

    @property
    def prompt_dir(self) -> str:
        """The SDK's own prompts: it looks beside the file of the agent's class."""
        return str(Path(inspect.getfile(agent_base)).parent / "prompts")


class VerifiedAgent(VerifiesFinish, Agent):
    """An agent on any ``LLM`` whose finished work is verified; needs no router."""

    verification: VerifySettings = Field(
        default_factory=lambda: VerifySettings(enabled=True)
    )

    @property
    def verifies(self) -> bool:
        """Whether finished work is verified; see docs/verification.md."""
        return self.verification.enabled

    def finish_of(self, conversation: LocalConversation) -> Finish | None:
        """How the ends of a conversation are verified; ``None``: not at all."""
        return finish_of(conversation, self.verification) if self.verifies else None

    @property
    def prompt_dir(self) -> str:
        """The SDK's own prompts: it looks beside the file of the agent's class."""
        return str(Path(inspect.getfile(agent_base)).parent / "prompts")


def _copies(condenser: dict[str, Any]) -> bool:
    """Whether a stored condenser, or one in its pipeline, was on a router's copy."""
    inner = condenser.get("condensers")
    if isinstance(inner, list):
        return any(isinstance(c, dict) and _copies(c) for c in inner)
    llm = condenser.get("llm")
    return isinstance(llm, dict) and str(llm.get("usage_id")).endswith(CONDENSER)


def _on_router(condenser: dict[str, Any], router: ComplexityRouter) -> dict[str, Any]:
    inner = condenser.get("condensers")
    if isinstance(inner, list):
        each = [_on_router(c, router) if _copies(c) else c for c in inner]
        return {**condenser, "condensers": each}
    usage_id = str(condenser["llm"].get("usage_id"))
    return {**condenser, "llm": router.model_copy(update={"usage_id": usage_id})}
