"""A child that is forked amid calls: what it must not share, and cannot wait for.

A connection is the parent's too, and each would read the other's answers. A lock may
be held by a thread that does not exist here.
"""

from __future__ import annotations

import os
import threading
from typing import Any, Final

import litellm
from litellm.litellm_core_utils import thread_pool_executor
from openhands.sdk.llm import LLM

from openhands_tiered_router.sdk.books import renew_lock


_abandoned: Final[list[Any]] = []
"""The parent's clients: closed by nobody, since that would end its connections."""


def _after_fork() -> None:
    renew_lock()
    _renew_clients()
    _renew_executor()
    if hasattr(LLM, "_runtime_metadata_lock"):
        LLM._runtime_metadata_lock = threading.Lock()


def _renew_clients() -> None:
    known = vars(litellm)
    cache = known.get("in_memory_llm_clients_cache")
    if cache is not None:
        _abandoned.append(cache)
        closer: Any = getattr(cache, "evicted_client_closer", None)
        if hasattr(closer, "_queue_lock"):
            closer._queue_lock = threading.Lock()
        litellm.in_memory_llm_clients_cache = type(cache)()
    # Made at their first use, for providers that share them.
    for name in ("module_level_client", "module_level_aclient"):
        if name in known:
            _abandoned.append(known[name])
            delattr(litellm, name)


def _renew_executor() -> None:
    """litellm's pool for what follows an answer: its threads are the parent's. Several
    modules of litellm hold the one object, so it is that which begins afresh."""
    executor = thread_pool_executor.executor
    most = [getattr(executor, "_max_pending_tasks", None)]
    executor.__init__(executor._max_workers, *(n for n in most if n is not None))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
