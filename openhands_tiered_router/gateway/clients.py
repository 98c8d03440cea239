"""Keys of clients: each has sessions and limits of its own.

They are kept in the shared state, as SHA-256 of the key: 256 random bits need no slow
hash. ``tiered-router keys`` writes them, each worker of the gateway reads them.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from openhands_tiered_router.calls.state.degrading import DegradingStore
from openhands_tiered_router.calls.state.store import StateStore, Value
from openhands_tiered_router.gateway.settings import CLIENT_FIELD
from openhands_tiered_router.guards.budget.limits import Budget, Scope
from openhands_tiered_router.guards.budget.messages import CLIENT


NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,40}")
"""No slash: it ends the name in a session's id."""
SECONDS: Final = 2.0
"""For which a worker goes by what it read: a revoked key works for that long."""
NEW_KEY_SECONDS: Final = 0.1
"""After which an unknown key makes a worker read again: a new key works at once, and
a flood of wrong ones costs ten reads a second."""
MAX_KEYS: Final = 1_000
_TABLE: Final = "gateway:keys"
_PREFIX: Final = "sk-tr-"
_SHA256: Final = 64
"""Hexadecimal digits of a hash."""


class KeyProblem(ValueError):
    """A key cannot be made or changed; says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """Who holds a key."""

    name: str
    created: float = 0.0
    """Epoch seconds."""
    usd: float | None = None
    """Limit on all that it ever spends."""
    usd_day: float | None = None
    """Limit a day (UTC)."""

    def budgets(self) -> tuple[Budget, ...]:
        """Its limits, beside those that count everybody."""
        limits = {Scope.PROJECT: self.usd, Scope.DAY: self.usd_day}
        return tuple(
            Budget(name=f"{CLIENT}{self.name}", scope=scope, usd=limit)
            for scope, limit in limits.items()
            if limit is not None
        )

    def session(self, name: str | None) -> str | None:
        """A session's id that no other client's can be equal to."""
        return None if name is None else f"{self.name}/{name}"


def client_of(auth: Any) -> Client | None:
    """The client in LiteLLM's record of a request's key; ``None``: the operator, or
    anyone."""
    about = (getattr(auth, "metadata", None) or {}).get(CLIENT_FIELD)
    if isinstance(about, Mapping):
        return Client(**about)
    token = getattr(auth, "token", None)
    # LiteLLM's virtual keys: the hash of the key. Its limits are LiteLLM's to keep.
    if isinstance(token, str) and len(token) == _SHA256:
        return Client(name=f"litellm-{token[:12]}")
    return None


class Clients:
    """The table of keys. Its methods read or write the store: not for event loops."""

    def __init__(
        self, store: StateStore, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._store = store
        self._clock = clock
        self._read_at = float("-inf")
        self._rows: Mapping[str, Any] = {}
        self._lock = threading.Lock()

    def find(self, key: str) -> Client | None:
        """Whose key it is, as of the last ``SECONDS``; ``None``: nobody's."""
        hashed = _hashed(key)
        with self._lock:
            now = self._clock()
            valid = SECONDS if hashed in self._rows else NEW_KEY_SECONDS
            if now - self._read_at >= valid:
                self._read_at, self._rows = now, _table(self._store.read(_TABLE))
            row = self._rows.get(hashed)
        return None if row is None else Client(**row)

    def all(self) -> list[Client]:
        """By name."""
        rows = _table(self._store.read(_TABLE)).values()
        self._check_there()
        return sorted((Client(**row) for row in rows), key=lambda c: c.name)

    def add(self, client: Client) -> str:
        """Makes a key and returns it; it is kept nowhere.

        Raises:
            KeyProblem: The name cannot be had, or the store is away.
        """
        if not NAME.fullmatch(client.name):
            raise KeyProblem(
                f"{client.name!r} is no name for a key; write 1 to 40 letters, digits, "
                "'.', '_' or '-'"
            )
        key = _PREFIX + secrets.token_urlsafe(32)

        def change(table: Mapping[str, Any]) -> Mapping[str, Any]:
            if _hash_of(table, client.name) is not None:
                raise KeyProblem(
                    f"{client.name} has a key; revoke it first, or take another name"
                )
            if len(table) >= MAX_KEYS:
                raise KeyProblem(f"there are {MAX_KEYS} keys; revoke some first")
            return {**table, _hashed(key): asdict(client)}

        self._change(change)
        return key

    def limit(self, name: str, limits: Mapping[str, float | None]) -> Client:
        """Sets limits of a client; the others stay.

        Raises:
            KeyProblem: There is no such client, or the store is away.
        """

        def change(table: Mapping[str, Any]) -> Mapping[str, Any]:
            hashed = _known(table, name)
            return {**table, hashed: {**table[hashed], **limits}}

        table = self._change(change)
        return Client(**table[_known(table, name)])

    def revoke(self, name: str) -> None:
        """Takes a client's key away; what it spent stays in the books.

        Raises:
            KeyProblem: There is no such client, or the store is away.
        """

        def change(table: Mapping[str, Any]) -> Mapping[str, Any]:
            hashed = _known(table, name)
            return {k: v for k, v in table.items() if k != hashed}

        self._change(change)

    def _change(
        self, change: Callable[[Mapping[str, Any]], Mapping[str, Any]]
    ) -> Mapping[str, Any]:
        def applied(value: Value | None) -> tuple[Value | None, Mapping[str, Any]]:
            after = change(_table(value))
            return {"version": 1, "keys": after}, after

        table = self._store.apply(_TABLE, applied)
        self._check_there()
        return table

    def _check_there(self) -> None:
        """What was read or changed in this process's memory helps no other."""
        if self._store.local or (
            isinstance(self._store, DegradingStore) and self._store.away
        ):
            raise KeyProblem(
                "keys need a state that processes share, and it cannot be reached; "
                'see [state]: backend "sqlite" or "redis"'
            )


def _table(value: Value | None) -> Mapping[str, Any]:
    """Rows by hash. An unreadable table knows nobody, so nobody is let in by it."""
    keys = value.get("keys") if value is not None and value.get("version") == 1 else {}
    return keys if isinstance(keys, Mapping) else {}


def _hash_of(table: Mapping[str, Any], name: str) -> str | None:
    return next((h for h, row in table.items() if row["name"] == name), None)


def _known(table: Mapping[str, Any], name: str) -> str:
    hashed = _hash_of(table, name)
    if hashed is None:
        raise KeyProblem(f"no key is called {name}; see: tiered-router keys list")
    return hashed


def _hashed(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
