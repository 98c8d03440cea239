"""Each conversation's history, as the endpoint that is about to get it needs it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from openhands.sdk.llm import LLM, Message

from openhands_tiered_router.calls.fleet import SessionRecord, fleet
from openhands_tiered_router.calls.history.adapt import HistoryAdapter
from openhands_tiered_router.calls.history.repair import repair_for
from openhands_tiered_router.calls.history.target import Target


if TYPE_CHECKING:
    from openhands.sdk.conversation.state import ConversationState

    from openhands_tiered_router.sdk.setup import RouterSetup


logger = logging.getLogger(__name__)


def repairable(error: Exception) -> bool:
    """Whether that rejection is one that another form of the history may mend."""
    return repair_for(error) is not None


def messages_for(
    record: SessionRecord,
    cache_id: str,
    llm: LLM,
    messages: list[Message],
    *,
    responses: bool | None = None,
    rejected: Exception | None = None,
    shortens: bool = False,
) -> list[Message]:
    """``messages`` as ``llm`` accepts them; the same list if nothing had to change.

    Args:
        record: The conversation's; remembers who wrote what.
        cache_id: Names the model at its address. Authors are known by it, since two
            routers may serve one conversation with different models under one key.
        llm: The endpoint that is about to get them.
        messages: The history; not mutated.
        responses: Whether they go over the Responses API; ``None``: as the model says.
        rejected: What the endpoint said to them before; it learns from that.
        shortens: Whether it gets old results that it never saw as notices.
    """
    if responses is None:
        responses = llm.uses_responses_api()
    name = f"{cache_id} {'responses' if responses else 'chat'}"
    adapter = record.adapters.get(name)
    if adapter is None:
        target = Target.of(llm, cache_id, responses=responses, shortens=shortens)
        adapter = record.adapters[name] = HistoryAdapter(target, record.authors)
    repair = repair_for(rejected) if rejected is not None else None
    mended = repair.apply(adapter, messages) if repair else None
    return adapter.adapt(messages) if mended is None else mended


def recall_authors(
    state: ConversationState,
    llms: Mapping[str, LLM],
    setup: Callable[[], RouterSetup],
) -> None:
    """After a resume: which endpoint wrote which answer, from the stored events.

    Without it every answer counts as foreign and loses its thinking, so the first
    prompt differs from what the provider has cached. On a fault of ours it does.
    """
    try:
        record = fleet().session(str(state.id))
        if record.answered_here:
            return
        models = {
            usage.response_id: usage.model
            for metrics in state.stats.usage_to_metrics.values()
            for usage in metrics.token_usages
        }
        if models:
            cached_at = _cache_ids(llms, setup())
            record.authors.recall(
                state.events, {r: cached_at.get(m) for r, m in models.items()}
            )
    except Exception as error:
        logger.error("authors not recalled: %s", type(error).__name__)


def _cache_ids(llms: Mapping[str, LLM], setup: RouterSetup) -> dict[str, str | None]:
    """The ``cache_id`` of each model; ``None`` where it is served at two addresses."""
    found: dict[str, str | None] = {}
    for key, llm in llms.items():
        cache_id = setup.endpoints[key].cache_id if key in setup.endpoints else None
        alone = found.get(llm.model, cache_id) == cache_id
        found[llm.model] = cache_id if alone else None
    return found
