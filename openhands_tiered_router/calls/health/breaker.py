"""A circuit breaker for one endpoint: stops sending calls where they keep failing."""

from __future__ import annotations

from openhands_tiered_router.calls.health import transitions
from openhands_tiered_router.calls.health.shared_value import AtomicValue
from openhands_tiered_router.calls.health.transitions import (
    BreakerState,
    Failure,
    Permit,
)
from openhands_tiered_router.calls.settings import BreakerSettings
from openhands_tiered_router.policy.fleet import Health
from openhands_tiered_router.policy.outcome import ErrorKind


__all__ = ["Breaker", "Permit"]


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
        return self._value.change(
            lambda s: transitions.asked(s, now, self._probe_lease)
        )

    def succeeded(
        self, now: float, *, began: float | None = None, permit: Permit = Permit.FREE
    ) -> bool:
        """Notes an answer to a call sent at ``began``; whether that closed it."""
        sent = now if began is None else began

        def step(state: BreakerState) -> tuple[BreakerState, bool]:
            after = transitions.answered(
                state, self._settings, now, began=sent, permit=permit
            )
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
            after = transitions.failed(state, self._settings, now, failure)
            return after, after.opened_at != state.opened_at

        return self._value.change(step)

    def released(self) -> None:
        """The probe ended without telling anything: cancelled, or never sent."""
        self._value.change(lambda state: (transitions.released(state), None))
