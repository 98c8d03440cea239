"""The tool ``complexity_router``: puts the router into a stock ``Agent``.

A conversation's tools are made in the process that runs its agent, before its models
are registered. So the specification of a tool is a way to bring the router to a server
that only knows stock agents.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any, ClassVar, Final, Self

from openhands.sdk import Agent
from openhands.sdk.context.condenser import LLMSummarizingCondenser
from openhands.sdk.conversation.state import ConversationState
from openhands.sdk.event import SystemPromptEvent
from openhands.sdk.llm import LLM
from openhands.sdk.tool import Action, Observation, ToolDefinition, register_tool
from pydantic import (
    ModelWrapValidatorHandler,
    computed_field,
    model_validator,
)

from openhands_tiered_router.agent import CONDENSER, RoutedAgent, offer_subagents
from openhands_tiered_router.config import (
    ConfigError,
    Problem,
    RouterConfig,
    open_config,
    parse_config,
)
from openhands_tiered_router.router import ComplexityRouter
from openhands_tiered_router.skill_kit.context import CappedContext


class StockRoutedAgent(RoutedAgent):
    """What a stock ``Agent`` is while the router is installed in it.

    Its ``llm`` is stored as the plain ``LLM`` that it was: a client needs nothing of
    this package to read the conversation.
    """

    llm: LLM

    @computed_field
    @property
    def kind(self) -> str:
        """The stock agent's, by which it is read again."""
        return Agent.__name__

    @model_validator(mode="wrap")
    @classmethod
    def _validate_subtype(
        cls, data: Any, handler: ModelWrapValidatorHandler[Self]
    ) -> Self:
        """A fork validates what this class has dumped, with the stock agent's kind."""
        if isinstance(data, cls):
            return data
        return handler({k: v for k, v in dict(data).items() if k != "kind"})


logger = logging.getLogger(__name__)

NAME: Final = "complexity_router"
"""Name of the tool, and the usage id of the router that it installs."""
_FIRST_EVENTS: Final = 20
"""The system prompt is among them, if there is one; a server's updates may precede."""
_OF_THE_CLIENT: Final = ("stream", "log_completions", "log_completions_folder")
"""What the client set on its LLM, meaning all calls."""


class RouterInstaller(ToolDefinition[Action, Observation]):
    """``Tool(name="complexity_router", params={...})`` in a stock agent's tools.

    The agent sees no such tool: its LLM is a ``ComplexityRouter`` from then on, with
    the router's guards. For the params see ``config_of``.
    """

    name: ClassVar[str] = NAME

    @classmethod
    def create(
        cls, conv_state: ConversationState | None = None, **params: Any
    ) -> Sequence[RouterInstaller]:
        """Installs the router; makes no tool.

        Raises:
            ConfigError: The params or the configuration cannot be used. Going on
                would run without the budgets that they may name.
        """
        if conv_state is None:
            raise ValueError(f"{NAME} works in a conversation only")
        try:
            install(conv_state, params)
        except ConfigError:
            raise
        except Exception as error:
            kind = type(error).__name__
            logger.error("router not installed: %s; the agent's LLM serves", kind)
        return []


register_tool(NAME, RouterInstaller)


def install(state: ConversationState, params: Mapping[str, Any]) -> None:
    """Makes the agent of a conversation a routed one, in place.

    Leaves an agent alone that has a router, or whose LLM was switched since: after
    ``switch_llm`` the conversation stays with that one.
    """
    agent = state.agent
    if isinstance(agent, Agent) and isinstance(agent.llm, ComplexityRouter):
        return
    if type(agent) not in (Agent, StockRoutedAgent):
        kind = type(agent).__name__
        logger.warning("router not installed: it needs a stock Agent, not %s", kind)
        return
    if _begun(state) and agent.llm.usage_id != NAME:
        logger.info("router not installed: the conversation has another LLM by now")
        return
    base = agent.llm
    router = _router(base, params)
    values: dict[str, Any] = {"llm": router}
    condenser = agent.condenser
    if isinstance(condenser, LLMSummarizingCondenser) and _same(condenser.llm, base):
        copied = router.model_copy(update={"usage_id": f"{NAME}{CONDENSER}"})
        _watch_as(condenser.llm, copied)
        values["condenser"] = condenser.model_copy(update={"llm": copied})
    if agent.agent_context is not None:
        most = router.settings.skills.max_triggered
        values["agent_context"] = CappedContext.of(agent.agent_context, most)
    offer_subagents(agent.tools, state)
    # The agent is frozen, and its conversation holds this very object.
    vars(agent).update(values)
    private = agent.__pydantic_private__
    assert private is not None  # the SDK's own agent has some
    for name, attribute in StockRoutedAgent.__private_attributes__.items():
        private.setdefault(name, attribute.get_default())
    object.__setattr__(agent, "__class__", StockRoutedAgent)


def _begun(state: ConversationState) -> bool:
    first = islice(state.events, _FIRST_EVENTS)
    return any(isinstance(event, SystemPromptEvent) for event in first)


def _same(llm: LLM, other: LLM) -> bool:
    return (llm.model, llm.base_url) == (other.model, other.base_url)


def _router(base: LLM, params: Mapping[str, Any]) -> ComplexityRouter:
    """A router that is stored as the LLM that it takes the place of."""
    fields = {n: getattr(base, n) for n in LLM.model_fields if n != "fallback_strategy"}
    update = {name: fields[name] for name in _OF_THE_CLIENT}
    router = ComplexityRouter.from_config(config_of(params), usage_id=NAME, **update)
    # Its own fields alone: those of the tiers come from the configuration.
    vars(router).update({**fields, "usage_id": NAME})
    _watch_as(base, router)
    return router


def _watch_as(base: LLM, router: ComplexityRouter) -> None:
    """Has the tiers tell the server what they cost, as the LLM before did."""
    for llm in router.llms_for_routing.values():
        telemetry = llm.telemetry
        telemetry.set_stats_update_callback(base.telemetry._stats_update_callback)
        telemetry.set_log_completions_callback(base.telemetry._log_completions_callback)


SOURCE: Final = "params of the tool complexity_router"


def config_of(params: Mapping[str, Any]) -> RouterConfig:
    """The configuration that the params name or are.

    ``{}``: the one that holds where the server runs, as docs/configuration.md says.
    ``{"config": path}``: a file of the server. Else what a configuration file may
    hold, where a tier is a profile's name or a list of them:
    ``{"tiers": {"simple": "cheap", "complex": ["strong", "strong-too"]}}``. No other
    endpoints: params travel with the conversation, so they must hold no key, and none
    of the server's may be sent where they say.

    Raises:
        ConfigError: They cannot be used; lists every problem at once.
    """
    if not params:
        return open_config()
    if "config" not in params:
        return _inline(params)
    path = params["config"]
    if len(params) > 1 or not isinstance(path, str) or not path:
        raise _error("config", "must be a path, alone", "Put the rest into that file")
    return open_config(path)


def _inline(params: Mapping[str, Any]) -> RouterConfig:
    tiers = params.get("tiers")
    if isinstance(tiers, Mapping):
        params = {**params, "tiers": {k: _tier(v) for k, v in tiers.items()}}
    config = parse_config(dict(params), SOURCE)
    remedy = "Save it as an LLM profile on the server, and write the profile's name"
    problems = [
        config.problem(key, "names no profile", remedy)
        for key, endpoint in config.endpoints().items()
        if endpoint.profile is None
    ]
    if problems:
        raise ConfigError(problems)
    return config


def _tier(value: Any) -> Any:
    """Names are of profiles here, not of models as in a file."""
    if isinstance(value, str):
        value = [value]
    if isinstance(value, list):
        value = [{"profile": v} if isinstance(v, str) else v for v in value]
    return value


def _error(path: str, message: str, remedy: str) -> ConfigError:
    problem = Problem(source=SOURCE, path=path, message=message, remedy=remedy)
    return ConfigError([problem])
