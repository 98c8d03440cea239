"""Work that is done to its end, although whoever waits for it is cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final


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
