"""A span for each decision, where the SDK traces its own work."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, Final

from openhands.sdk.observability.laminar import should_enable_observability

from openhands_tiered_router.policy.decision import Decision
from openhands_tiered_router.policy.request import RoutingRequest
from openhands_tiered_router.record.telemetry import clean


logger = logging.getLogger(__name__)

SPAN: Final = "router.select"


def in_span(
    decide: Callable[[], Decision],
    request: RoutingRequest,
    models: Callable[[str], str],
) -> Decision:
    """What ``decide`` decides; with tracing, in a span that says it without texts.

    The span is a child of the SDK's for the step, beside that of the call to come.

    Args:
        decide: What the span covers.
        request: What is decided on.
        models: From an endpoint's key to its litellm model string.
    """
    if not should_enable_observability():
        return decide()
    with ExitStack() as stack:
        span = _opened(stack)
        decision = decide()
        if span is not None:
            _describe(span, request, decision, models)
        return decision


def _opened(stack: ExitStack) -> Any:
    """A current span; ``None``: tracing is at fault, which concerns no decision."""
    try:
        from lmnr import Laminar  # only where tracing is on

        return stack.enter_context(Laminar.start_as_current_span(name=SPAN))
    except Exception as error:
        logger.debug("no span: %s", type(error).__name__)
        return None


def _describe(
    span: Any,
    request: RoutingRequest,
    decision: Decision,
    models: Callable[[str], str],
) -> None:
    try:
        span.set_attributes(attributes(request, decision, models(decision.endpoint)))
    except Exception as error:
        logger.debug("span without attributes: %s", type(error).__name__)


def attributes(
    request: RoutingRequest, decision: Decision, model: str
) -> dict[str, str | bool | int | float | list[str]]:
    """The decision by OpenTelemetry's GenAI conventions, and what those do not name.

    Of reasons the rules' names alone. ``None`` is left out.
    """
    provider, slash, name = model.partition("/")
    chosen = next(
        (c for c in decision.candidates if c.endpoint == decision.endpoint), None
    )
    found = {
        "gen_ai.provider.name": provider if slash else None,
        "gen_ai.request.model": name if slash else model,
        "gen_ai.conversation.id": request.session_id,
        "tiered_router.tier": str(decision.tier),
        "tiered_router.endpoint": decision.endpoint,
        "tiered_router.fallbacks": list(decision.fallbacks),
        "tiered_router.purpose": str(request.purpose),
        "tiered_router.prompt_tokens": request.prompt_tokens,
        "tiered_router.required": str(decision.required),
        "tiered_router.floor": _name(decision.floor),
        "tiered_router.cap": _name(decision.cap),
        "tiered_router.pinned": decision.pinned,
        "tiered_router.score": decision.score,
        "tiered_router.p_mechanical": decision.p_mechanical,
        "tiered_router.reasons": [clean.name(r.rule) for r in decision.reasons],
        "tiered_router.policy": clean.name(decision.policy),
        "tiered_router.cost_now_usd": chosen.cost_now if chosen else None,
        "tiered_router.cost_return_usd": chosen.cost_return if chosen else None,
    }
    return {key: value for key, value in found.items() if value is not None}


def _name(value: object) -> str | None:
    return None if value is None else str(value)
