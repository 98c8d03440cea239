"""Whose an answer of the Responses API is, and which endpoint keeps its history.

In the state that holds the clients' keys, so that each worker and replica knows it.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, NamedTuple

from openhands_tiered_router.calls.state.store import StateStore


MAX_KNOWN: Final = 10_000
"""Answers that a process remembers itself; about 2 MB."""
SECONDS: Final = 30 * 86_400.0
"""For which OpenAI keeps an answer that another may continue, by its documentation."""


class Answer(NamedTuple):
    """What is known of an answer."""

    client: str | None
    """Name of the key's holder; ``None``: the operator, or anyone."""
    endpoint: str


class Answers:
    """Answers by their id. Safe under threads; waits for shared state."""

    def __init__(self, store: Callable[[], StateStore]) -> None:
        self._store = store
        self._known: OrderedDict[str, Answer] = OrderedDict()
        self._lock = threading.Lock()

    def gave(self, response_id: str, answer: Answer) -> None:
        """Notes an answer before, or just after, its client has it."""
        self._remember(response_id, answer)
        row = {"version": 1, "client": answer.client, "endpoint": answer.endpoint}
        self._store().apply(_key(response_id), lambda _: (row, None), ttl=SECONDS)

    def find(self, response_id: str) -> Answer | None:
        """What is known of an answer; ``None``: nobody gave it here, or long ago."""
        with self._lock:
            known = self._known.get(response_id)
        if known is not None:
            return known
        row = self._store().read(_key(response_id))
        if row is None or row.get("version") != 1:
            return None
        answer = Answer(row["client"], row["endpoint"])
        self._remember(response_id, answer)
        return answer

    def _remember(self, response_id: str, answer: Answer) -> None:
        with self._lock:
            self._known[response_id] = answer
            if len(self._known) > MAX_KNOWN:
                self._known.popitem(last=False)


def _key(response_id: str) -> str:
    """An id is whatever a client sends: of any length."""
    text = response_id.encode("utf-8", "surrogatepass")
    return f"gateway:answer:{hashlib.sha256(text).hexdigest()[:32]}"
