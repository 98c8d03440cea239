"""Each conversation's history, as the endpoint that is about to get it needs it."""

from __future__ import annotations

from openhands.sdk.llm import LLM, Message

from openhands_tiered_router.calls.fleet import SessionRecord
from openhands_tiered_router.calls.history.adapt import HistoryAdapter
from openhands_tiered_router.calls.history.repair import repair_for
from openhands_tiered_router.calls.history.target import Target


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
    """
    if responses is None:
        responses = llm.uses_responses_api()
    name = f"{cache_id} {'responses' if responses else 'chat'}"
    adapter = record.adapters.get(name)
    if adapter is None:
        target = Target.of(llm, cache_id, responses=responses)
        adapter = record.adapters[name] = HistoryAdapter(target, record.authors)
    repair = repair_for(rejected) if rejected is not None else None
    mended = repair.apply(adapter, messages) if repair else None
    return adapter.adapt(messages) if mended is None else mended
