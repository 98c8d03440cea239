"""The requests that are under way, by LiteLLM's id of the call."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from typing import Any, Final

from openhands_tiered_router.gateway.routing import Route


MAX_PENDING: Final = 10_000
"""Requests under way at once; the oldest are given up."""
MAX_SECONDS: Final = 3_600.0
"""For which one may be under way; the default limit of an attempt is 300."""


class Pending:
    """LiteLLM does not tell the end of every request: ``overdue`` has the others."""

    def __init__(self) -> None:
        self._routes: OrderedDict[str, Route] = OrderedDict()
        self._displaced: list[Route] = []

    def add(self, call_id: str, route: Route) -> None:
        """A client may name its calls, and two of them the same."""
        before = self._routes.pop(call_id, None)
        if before is not None:
            self._displaced.append(before)
        self._routes[call_id] = route

    def get(self, call_id: str) -> Route | None:
        return self._routes.get(call_id)

    def pop(self, call_id: str) -> Route | None:
        return self._routes.pop(call_id, None)

    def overdue(self, now: float) -> list[Route]:
        """Takes out those whose end will not be reported. ``now``: epoch seconds."""
        found, self._displaced = self._displaced, []
        while self._routes:
            oldest = next(iter(self._routes.values()))
            if len(self._routes) < MAX_PENDING and now - oldest.began < MAX_SECONDS:
                break
            found.append(self._routes.popitem(last=False)[1])
        return found

    def all(self) -> list[Route]:
        """Takes out all of them."""
        found = [*self._displaced, *self._routes.values()]
        self._displaced.clear()
        self._routes.clear()
        return found


_running: Final[set[asyncio.Task[Any]]] = set()
"""An event loop alone does not keep its tasks alive."""


def begun[T](work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """Begins it; wait for it with ``asyncio.shield``."""
    task = asyncio.create_task(work)
    _running.add(task)
    task.add_done_callback(_running.discard)
    return task


async def in_thread[**P, T](
    work: Callable[P, T], *args: P.args, **kwargs: P.kwargs
) -> T:
    """``asyncio.to_thread``, which is cancelled while it waits for a thread."""
    return await asyncio.shield(begun(asyncio.to_thread(work, *args, **kwargs)))
