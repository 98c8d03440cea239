"""The ways into an ``LLM``, and what their callers passed."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Self, cast

from openhands.sdk.llm import LLM, LLMResponse, Message
from openhands.sdk.llm.call_context import LLMCallContext
from openhands.sdk.tool import ToolDefinition

from openhands_tiered_router.policy.request import Purpose
from openhands_tiered_router.tiers import Tier


class Api(StrEnum):
    """The method of an ``LLM`` that the caller chose: which of the SDK's two APIs."""

    GENERATE = "generate"
    """Leaves the choice to each endpoint."""
    COMPLETION = "completion"
    RESPONSES = "responses"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallArguments:
    """What the caller of ``generate`` and its like passed."""

    api: Api = Api.GENERATE
    messages: list[Message]
    tools: Sequence[ToolDefinition] | None = None
    include: list[str] | None = None
    store: bool | None = None
    add_security_risk_prediction: bool = False
    on_token: Callable[[Any], Any] | None = None
    call_context: LLMCallContext | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    """Keywords for the provider."""
    pin: Tier | None = None

    @classmethod
    def of(cls, api: Api, extra: dict[str, Any], **arguments: Any) -> Self:
        """With ``tier``, the router's own keyword, taken out of ``extra``."""
        tier = extra.pop("tier", None)
        pin = Tier.parse(tier) if isinstance(tier, str) else tier
        return cls(api=api, extra=extra, pin=pin, **arguments)

    def kwargs(self) -> dict[str, Any]:
        """Those that go to an endpoint as they are."""
        own = {"include": self.include, "store": self.store}
        return {
            "tools": self.tools,
            "add_security_risk_prediction": self.add_security_risk_prediction,
            "call_context": self.call_context,
            **({} if self.api is Api.COMPLETION else own),
            **self.extra,
        }

    def over_responses(self, llm: LLM) -> bool:
        """Whether a call to that model goes over the Responses API."""
        if self.api is Api.GENERATE:
            return llm.uses_responses_api()
        return self.api is Api.RESPONSES


def entry[F: Callable[..., LLMResponse]](api: Api, method: F) -> F:
    """That method of an ``LLM``, for a class with ``_route(CallArguments)``.

    It takes what the SDK's own takes, by the same names and in the same order.
    """
    signature = inspect.signature(method)

    @functools.wraps(method)
    def routed(*args: Any, **kwargs: Any) -> LLMResponse:
        bound = signature.bind(*args, **kwargs)
        return args[0]._route(_arguments(api, bound))

    return cast("F", routed)


def async_entry[F: Callable[..., Awaitable[LLMResponse]]](api: Api, method: F) -> F:
    """Async twin of ``entry``, for a class with ``_aroute(CallArguments)``."""
    signature = inspect.signature(method)

    @functools.wraps(method)
    async def routed(*args: Any, **kwargs: Any) -> LLMResponse:
        bound = signature.bind(*args, **kwargs)
        return await args[0]._aroute(_arguments(api, bound))

    return cast("F", routed)


_OURS = CallArguments.__dataclass_fields__.keys() - {"api", "extra", "pin"}


def _arguments(api: Api, bound: inspect.BoundArguments) -> CallArguments:
    """Arguments of a newer SDK that we do not know go to the endpoint as keywords."""
    given = dict(bound.arguments)
    given.pop("self")
    extra = dict(given.pop("kwargs", {}))
    extra |= {name: given.pop(name) for name in given.keys() - _OURS}
    return CallArguments.of(api, extra, **given)


ASK_AGENT_USAGE_ID: Final = "ask-agent-llm"
"""Usage id that the SDK gives the copy which answers ``conversation.ask_agent``."""


def purpose_of(
    session_id: str | None, tools: Sequence[ToolDefinition], usage_id: str
) -> Purpose:
    """Why a call is made: an agent's step always offers tools, side requests none."""
    if session_id is None:
        return Purpose.SINGLE
    if usage_id == ASK_AGENT_USAGE_ID:
        return Purpose.ASK
    return Purpose.TURN if tools else Purpose.SIDE
