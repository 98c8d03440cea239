"""State of many machines, in a Redis server."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import msgspec

from openhands_tiered_router.calls.state.store import Change, StateUnavailable, Value


if TYPE_CHECKING:
    from redis import Redis

PREFIX: Final = "tiered-router:"
TIMEOUT: Final = 1.0
"""Seconds to connect and for each answer: a server further away is no shared state."""
CONFLICT_TIMEOUT: Final = 5.0
"""Seconds that a change may lose against others' before the store counts as away."""

_COMPARE_AND_SET: Final = """
local current = redis.call('GET', KEYS[1]) or ''
if current ~= ARGV[1] then return {0, current} end
if ARGV[2] == '' then
  redis.call('DEL', KEYS[1])
elseif ARGV[3] == '' then
  redis.call('SET', KEYS[1], ARGV[2])
else
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
end
return {1, ''}
"""
"""Sets a key to ARGV[2] for ARGV[3] ms if it still is ARGV[1]; '' stands for none."""


class RedisStore:
    """A ``StateStore`` on a Redis server, shared by all that reach it.

    A change is computed here and set by a script that the server runs atomically, if
    the value is still the one that it was computed from.
    """

    local = False

    def __init__(self, url: str) -> None:
        """Connects at the first use; neither messages nor ``repr`` show the URL."""
        self._url = url
        self._place = _place(url)
        self._connected: tuple[Redis, Any] | None = None

    def apply[T](self, key: str, change: Change[T], *, ttl: float | None = None) -> T:
        name = PREFIX + key
        milliseconds = "" if ttl is None else max(1, round(1e3 * ttl))
        current = self._get(name)
        deadline = time.monotonic() + CONFLICT_TIMEOUT
        while True:
            value, result = change(self._decoded(current))
            if value is None and not current:
                return result
            after = b"" if value is None else msgspec.json.encode(value)
            done, current = self._set(name, current, after, milliseconds)
            if done:
                return result
            if time.monotonic() > deadline:
                raise self._unavailable("too many changes of one key at once")
            time.sleep(random.uniform(0, 0.0005))

    def read(self, key: str) -> Value | None:
        return self._decoded(self._get(PREFIX + key))

    def after_fork(self) -> None:
        """The client itself notices that it is in another process."""

    def _get(self, name: str) -> bytes:
        found = self._ask(lambda client, _: client.get(name))
        return found if isinstance(found, bytes) else b""

    def _set(
        self, name: str, before: bytes, after: bytes, milliseconds: int | str
    ) -> tuple[bool, bytes]:
        values = [before, after, milliseconds]
        done, current = self._ask(lambda _, script: script([name], values))
        return bool(done), current

    def _decoded(self, raw: bytes) -> Value | None:
        try:
            return msgspec.json.decode(raw) if raw else None
        except msgspec.DecodeError as error:
            raise self._unavailable(type(error).__name__) from None

    def _ask(self, request: Callable[[Redis, Any], Any]) -> Any:
        try:
            from redis.exceptions import RedisError
        except ImportError:
            raise self._unavailable(
                "redis-py is missing; pip install 'openhands-tiered-router[redis]'"
            ) from None
        try:
            if self._connected is None:
                client = _client(self._url)
                self._connected = client, client.register_script(_COMPARE_AND_SET)
            return request(*self._connected)
        except (RedisError, OSError, ValueError) as error:
            # The type alone: a message could quote the URL.
            raise self._unavailable(type(error).__name__) from None

    def _unavailable(self, why: str) -> StateUnavailable:
        return StateUnavailable(
            f"state server {self._place}: {why}; "
            "see that it runs and that the variable in [state] url_env is right"
        )


def _client(url: str) -> Redis:
    from redis import Redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    # No retries by the client: after a lost answer it is not known whether the change
    # was made, and only the caller knows whether it may be made again.
    return Redis.from_url(
        url,
        socket_connect_timeout=TIMEOUT,
        socket_timeout=TIMEOUT,
        retry=Retry(NoBackoff(), 0),
    )


def _place(url: str) -> str:
    """Host and port, without the password that a URL may hold."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or "(no host in the URL)"
        return f"{host}:{parts.port or 6379}"
    except ValueError:
        return "(no valid URL)"
