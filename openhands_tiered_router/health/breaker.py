"""A circuit breaker for one endpoint: stops sending calls where they keep failing."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from openhands_tiered_router.core.decision import ErrorKind
from openhands_tiered_router.core.fleet import Health


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerSettings:
    """When a breaker opens, and for how long."""

    failures: int = 2
    """Consecutive failures of the provider's own making that open it."""
    cooldown: float = 30.0
    """Seconds that it stays open before one probe may pass."""
    permanent_cooldown: float = 300.0
    """The same after an error that waiting does not cure: key, credit, model."""


_HARMLESS: Final = frozenset(
    {
        ErrorKind.BAD_REQUEST,
        ErrorKind.CONTEXT,
        ErrorKind.CONTENT_POLICY,
        ErrorKind.CANCELLED,
        ErrorKind.OTHER,
    }
)
"""Errors that say nothing about the endpoint: the request was at fault."""
_PERMANENT: Final = frozenset({ErrorKind.AUTH, ErrorKind.NOT_FOUND, ErrorKind.QUOTA})
_AT_ONCE: Final = frozenset({ErrorKind.CONNECTION, ErrorKind.TIMEOUT})
"""One of these opens the breaker: each further try costs seconds."""


class Permit(IntEnum):
    """What a breaker says to a call; true if it may be sent."""

    REFUSED = 0
    FREE = 1
    PROBE = 2
    """The one call that finds out whether the endpoint is well again."""


class Breaker:
    """Closed, open, half-open with one probe at a time. Safe under threads.

    Times are seconds of one clock that the caller chooses and passes in. A caller
    that got a ``PROBE`` must call one of ``succeeded``, ``failed`` or ``released``,
    whatever happens to its call.
    """

    def __init__(self, settings: BreakerSettings | None = None) -> None:
        self._settings = settings or BreakerSettings()
        self._lock = threading.Lock()
        self._failures = 0
        self._open_until: float | None = None
        self._retry_at = 0.0
        self._probing = False

    def health(self, now: float) -> Health:
        """What the endpoint's last calls say of it. Does not take the probe."""
        until = self._open_until
        if until is not None and (now < until or self._probing):
            return Health.OPEN
        return Health.SUSPECT if self._failures or until is not None else Health.HEALTHY

    def acquire(self, now: float) -> Permit:
        """Whether a call may be sent; past the cooldown, one at a time as a probe."""
        with self._lock:
            if self._open_until is None:
                return Permit.FREE
            if now < self._open_until or self._probing:
                return Permit.REFUSED
            self._probing = True
            return Permit.PROBE

    @property
    def retry_at(self) -> float:
        """Before this time the provider asked not to be called; 0: never asked."""
        return self._retry_at

    def succeeded(self) -> None:
        with self._lock:
            self._failures = 0
            self._open_until = None
            self._retry_at = 0.0
            self._probing = False

    def failed(
        self, kind: ErrorKind, now: float, retry_after: float | None = None
    ) -> None:
        """Notes a failure. ``retry_after``: seconds that the provider asked for."""
        with self._lock:
            probe_failed, self._probing = self._probing, False
            if kind in _HARMLESS:
                return
            self._failures += 1
            if retry_after is not None:
                self._retry_at = now + retry_after
            wait = self._cooldown(kind, retry_after, probe_failed=probe_failed)
            if wait is not None:
                self._open_until = max(self._open_until or now, now + wait)

    def released(self) -> None:
        """The probe ended without telling anything: cancelled, or never sent."""
        with self._lock:
            self._probing = False

    def _cooldown(
        self, kind: ErrorKind, retry_after: float | None, *, probe_failed: bool
    ) -> float | None:
        settings = self._settings
        if kind in _PERMANENT:
            return settings.permanent_cooldown
        if retry_after is not None:
            return retry_after
        enough = probe_failed or self._failures >= settings.failures
        return settings.cooldown if enough or kind in _AT_ONCE else None
