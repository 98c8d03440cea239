"""The stores of this process, by their settings."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import platformdirs

from openhands_tiered_router.calls.settings import StateSettings
from openhands_tiered_router.calls.state.degrading import DegradingStore
from openhands_tiered_router.calls.state.journal import Journal
from openhands_tiered_router.calls.state.redis import RedisStore
from openhands_tiered_router.calls.state.sqlite import SqliteStore
from openhands_tiered_router.calls.state.store import MemoryStore, StateStore


VARIABLE: Final = "TIERED_ROUTER_STATE"
"""Environment variable: the SQLite file, where the configuration names none."""


def store_for(settings: StateSettings) -> StateStore:
    """The process's one store for those settings; nothing is opened before its use.

    It never raises ``StateUnavailable``: it goes on in memory, and says so once.
    """
    with _lock:
        store = _stores.get(settings)
        if store is None:
            store = _stores[settings] = _open(settings, os.environ)
        return store


def durable_store_for(settings: StateSettings) -> StateStore:
    """The same, for what must outlive the process: SQLite where nothing is chosen."""
    chosen = settings.model_copy(update={"backend": settings.backend or "sqlite"})
    return store_for(chosen)


def standard_path(environ: Mapping[str, str]) -> Path:
    """Where the SQLite file is if the configuration does not say."""
    if named := environ.get(VARIABLE, "").strip():
        return _absolute(named)
    directory = platformdirs.user_state_path("tiered-router", appauthor=False)
    return directory / "state.sqlite3"


def forget_stores() -> None:
    """Begins afresh, for tests: memory is empty, files are opened anew."""
    with _lock:
        _stores.clear()


def _open(settings: StateSettings, environ: Mapping[str, str]) -> StateStore:
    if settings.backend == "sqlite":
        path = settings.path
        place = _absolute(path) if path else standard_path(environ)
        return DegradingStore(SqliteStore(place))
    if settings.backend == "redis":
        url = environ.get(settings.url_env or "", "")
        place = hashlib.sha256(url.encode("utf-8", "replace")).hexdigest()[:16]
        journal = Journal(standard_path(environ).with_name("journal.sqlite3"), place)
        return DegradingStore(RedisStore(url), journal=journal)
    return MemoryStore()


def _absolute(path: str) -> Path:
    """``Path.expanduser`` raises where there is no such user, which would end a run."""
    return Path(os.path.abspath(os.path.expanduser(path)))


def _after_fork() -> None:
    global _lock
    _lock = threading.Lock()
    for store in _stores.values():
        store.after_fork()


_lock = threading.Lock()
_stores: Final[dict[StateSettings, StateStore]] = {}

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
