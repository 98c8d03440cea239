"""A circuit breaker for one endpoint: stops sending calls where they keep failing.

Its states, and what each event makes of them, are pure; ``Breaker`` shares them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Final

from openhands_tiered_router.calls.health.shared_value import AtomicValue
from openhands_tiered_router.calls.settings import BreakerSettings
from openhands_tiered_router.policy.fleet import Health
from openhands_tiered_router.policy.outcome import ErrorKind


class Permit(IntEnum):
    """What a breaker says to a call; true if it may be sent."""

    REFUSED = 0
    FREE = 1
    PROBE = 2
    """The one call that finds out whether the endpoint is well again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerState:
    """Closed while ``opened_at`` is ``None``; past ``open_until``, half-open.

    Times are seconds of one clock.
    """

    failures: int = 0
    """Consecutive ones."""
    opened_at: float | None = None
    open_until: float = 0.0
    suspect_until: float = 0.0
    """Until then equals go first: it failed not long ago. Later it gets calls again,
    since nobody else finds out that it is well."""
    retry_at: float = 0.0
    """Before this time the provider asked not to be called; 0: never asked."""
    probe_until: float | None = None
    """End of the lease of a probe that is under way."""
    good_probes: int = 0

    def shut(self, now: float) -> bool:
        """Whether no call may pass now."""
        if self.opened_at is None:
            return False
        probing = self.probe_until is not None and now < self.probe_until
        return now < self.open_until or probing


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A call that failed."""

    kind: ErrorKind
    retry_after: float | None = None
    """Seconds that the provider asked to wait."""
    permit: Permit = Permit.FREE


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


def asked(
    state: BreakerState, now: float, probe_lease: float
) -> tuple[BreakerState, Permit]:
    """A call wants to pass. A probe that takes longer than ``probe_lease``, in
    seconds, counts as lost: its process may have died."""
    if state.opened_at is None:
        return state, Permit.FREE
    if state.shut(now):
        return state, Permit.REFUSED
    return replace(state, probe_until=now + probe_lease), Permit.PROBE


def answered(
    state: BreakerState,
    settings: BreakerSettings,
    *,
    began: float,
    permit: Permit = Permit.FREE,
) -> BreakerState:
    """A call that was sent at ``began`` was answered."""
    if state.opened_at is None:
        return BreakerState()
    if began <= state.opened_at and permit is not Permit.PROBE:
        return state  # it says how the endpoint was, not how it is
    good = state.good_probes + 1
    if good >= settings.success_threshold:
        return BreakerState()
    return replace(released(state, permit), good_probes=good)


def failed(
    state: BreakerState, settings: BreakerSettings, now: float, failure: Failure
) -> BreakerState:
    """A call failed."""
    state = released(state, failure.permit)
    if failure.kind in _HARMLESS:
        return state
    state = replace(
        state,
        failures=state.failures + 1,
        suspect_until=now + settings.cooldown,
        good_probes=0,
    )
    if failure.retry_after is not None:
        state = replace(state, retry_at=now + failure.retry_after)
    wait = _cooldown(state, settings, failure)
    if wait is None:
        return state
    until = max(state.open_until, now + wait)
    return replace(state, opened_at=now, open_until=until)


def released(state: BreakerState, permit: Permit = Permit.PROBE) -> BreakerState:
    """A call is over; if it was the probe, another one may follow."""
    return replace(state, probe_until=None) if permit is Permit.PROBE else state


def _cooldown(
    state: BreakerState, settings: BreakerSettings, failure: Failure
) -> float | None:
    if failure.kind in _PERMANENT:
        return settings.permanent_cooldown
    if failure.retry_after is not None:
        return failure.retry_after
    enough = (
        failure.kind in _AT_ONCE
        or failure.permit is Permit.PROBE
        or state.failures >= settings.failures
    )
    return settings.cooldown if enough else None


class Breaker:
    """Closed, open, half-open with one probe at a time. Safe under threads.

    Times are seconds of one clock that the caller chooses and passes in. A caller
    that got a ``PROBE`` must pass it to one of ``succeeded``, ``failed`` or
    ``released``, whatever happens to its call; after ``probe_lease`` seconds it counts
    as lost.
    """

    def __init__(
        self,
        settings: BreakerSettings | None = None,
        value: AtomicValue[BreakerState] | None = None,
        probe_lease: float = 600.0,
    ) -> None:
        self._settings = settings or BreakerSettings()
        self._probe_lease = probe_lease
        self._value = value or AtomicValue(BreakerState())

    @property
    def local(self) -> bool:
        """Whether no method waits for a disk or network."""
        return self._value.local

    def health(self, now: float) -> Health:
        """What the endpoint's last calls say of it, as far as this process knows.

        Never waits, and does not take the probe.
        """
        state = self._value.last
        if state.shut(now):
            return Health.OPEN
        return Health.SUSPECT if now < state.suspect_until else Health.HEALTHY

    def openness(self, now: float) -> float:
        """1: open; 0.5: half-open, the next call is a probe; 0: closed. Never waits."""
        state = self._value.last
        if state.opened_at is None:
            return 0.0
        return 1.0 if state.shut(now) else 0.5

    @property
    def retry_at(self) -> float:
        """Before this time the provider asked not to be called; 0: never asked."""
        return self._value.last.retry_at

    def acquire(self, now: float) -> Permit:
        """Whether a call may be sent; past the cooldown, one at a time as a probe."""
        if self._value.read().opened_at is None:
            return Permit.FREE
        return self._value.change(lambda s: asked(s, now, self._probe_lease))

    def succeeded(
        self, now: float, *, began: float | None = None, permit: Permit = Permit.FREE
    ) -> bool:
        """Notes an answer to a call sent at ``began``; whether that closed it."""
        if self._value.read() == BreakerState():
            return False  # nearly always: what others share is not written for it
        sent = now if began is None else began

        def step(state: BreakerState) -> tuple[BreakerState, bool]:
            after = answered(state, self._settings, began=sent, permit=permit)
            return after, state.opened_at is not None and after.opened_at is None

        return self._value.change(step)

    def failed(
        self,
        kind: ErrorKind,
        now: float,
        retry_after: float | None = None,
        permit: Permit = Permit.FREE,
    ) -> bool:
        """Notes a failure; whether that opened it.

        ``retry_after``: seconds that the provider asked for.
        """
        failure = Failure(kind=kind, retry_after=retry_after, permit=permit)

        def step(state: BreakerState) -> tuple[BreakerState, bool]:
            after = failed(state, self._settings, now, failure)
            return after, after.opened_at != state.opened_at

        return self._value.change(step)

    def released(self) -> None:
        """The probe ended without telling anything: cancelled, or never sent."""
        self._value.change(lambda state: (released(state), None))
