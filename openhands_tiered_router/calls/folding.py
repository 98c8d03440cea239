"""Keeping a conversation's state up with its history, at the price of what is new."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from openhands_tiered_router.calls.fleet import SessionRecord
from openhands_tiered_router.policy.entry import Entry
from openhands_tiered_router.policy.session import SessionState


def advance[M](
    record: SessionRecord,
    messages: Sequence[M],
    entries_of: Callable[[Sequence[M]], Iterable[Entry]],
    fingerprint: Callable[[M], int],
) -> SessionState:
    """Folds in the messages that are new since the last call; linear in those alone.

    If the history was shortened or edited (condensation, a fork's other branch), the
    state is rebuilt from the whole of it.

    Args:
        record: The conversation's record; changed under its lock.
        messages: The whole history, in the front's own form.
        entries_of: Those messages in neutral form.
        fingerprint: Tells a message from others, in this process.
    """
    with record.lock:
        state, seen = record.state, record.seen
        edited = seen > len(messages) or (
            seen > 0 and fingerprint(messages[seen - 1]) != record.last_message
        )
        if edited:
            known = SessionState(root=state.root, tools=state.tools)
            state = state.condensed(known.fold(entries_of(messages)))
            state = replace(state, turns=max(state.turns, record.answers))
        else:
            state = state.fold(entries_of(messages[seen:]))
        record.state = state
        record.seen = len(messages)
        record.last_message = fingerprint(messages[-1]) if messages else 0
        return state
