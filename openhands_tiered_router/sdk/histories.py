"""Each conversation's history, as the endpoint that is about to get it needs it."""

from __future__ import annotations

from openhands.sdk.llm import LLM, Message

from openhands_tiered_router.fleet import SessionRecord
from openhands_tiered_router.history.adapt import HistoryAdapter
from openhands_tiered_router.history.target import Target


def repairable(error: Exception) -> bool:
    return False


def messages_for(
    record: SessionRecord,
    cache_id: str,
    llm: LLM,
    messages: list[Message],
    *,
    rejected: Exception | None = None,
) -> list[Message]:
    """``messages`` as ``llm`` accepts them; the same list if nothing had to change.

    ``cache_id`` names the model at its address: who wrote what is known by it, since
    two routers may serve one conversation with different models under the same key.
    """
    adapter = record.adapters.get(cache_id)
    if adapter is None:
        adapter = HistoryAdapter(Target.of(llm, cache_id), record.authors)
        record.adapters[cache_id] = adapter
    return adapter.adapt(messages)
