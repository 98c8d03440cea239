"""Any order of calls, answers and waiting leaves a breaker's promises kept."""

from __future__ import annotations

from hypothesis import settings, strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    rule,
)

from openhands_tiered_router.calls.health.breaker import (
    Breaker,
    Permit,
)
from openhands_tiered_router.calls.settings import BreakerSettings
from openhands_tiered_router.policy.fleet import Health
from openhands_tiered_router.policy.outcome import ErrorKind


PROVIDERS_FAULT = (
    ErrorKind.AUTH,
    ErrorKind.CONNECTION,
    ErrorKind.MALFORMED,
    ErrorKind.NOT_FOUND,
    ErrorKind.OVERLOADED,
    ErrorKind.QUOTA,
    ErrorKind.RATE_LIMIT,
    ErrorKind.TIMEOUT,
)
SETTINGS = BreakerSettings()
LONGEST = 300.0


class BreakerMachine(RuleBasedStateMachine):
    """Calls in progress are ``(permit, when it was sent)``."""

    calls = Bundle("calls")

    def __init__(self) -> None:
        super().__init__()
        self.breaker = Breaker(SETTINGS, probe_lease=1e9)
        self.now = 0.0
        self.probes = 0
        self.refused_until = 0.0

    @rule(target=calls)
    def ask(self) -> object:
        permit = self.breaker.acquire(self.now)
        if not permit:
            return multiple()
        assert self.now >= self.refused_until, "an open breaker let a call pass"
        self.probes += permit is Permit.PROBE
        return permit, self.now

    @rule(seconds=st.floats(0, 100))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule(call=consumes(calls))
    def answer(self, call: tuple[Permit, float]) -> None:
        permit, began = call
        self.breaker.succeeded(self.now, began=began, permit=permit)
        self.probes -= permit is Permit.PROBE
        if permit is Permit.PROBE:
            assert self.breaker.health(self.now) is Health.HEALTHY
            self.refused_until = 0.0

    @rule(call=consumes(calls), kind=st.sampled_from(PROVIDERS_FAULT))
    def fail(self, call: tuple[Permit, float], kind: ErrorKind) -> None:
        permit, _ = call
        opened = self.breaker.failed(kind, self.now, permit=permit)
        self.probes -= permit is Permit.PROBE
        assert opened or permit is Permit.FREE
        if opened:
            self.refused_until = max(self.refused_until, self.now + SETTINGS.cooldown)

    @rule(call=consumes(calls), kind=st.sampled_from([ErrorKind.BAD_REQUEST]))
    def reject(self, call: tuple[Permit, float], kind: ErrorKind) -> None:
        permit, _ = call
        self.breaker.failed(kind, self.now, permit=permit)
        self.probes -= permit is Permit.PROBE

    @rule(call=consumes(calls))
    def cancel(self, call: tuple[Permit, float]) -> None:
        permit, _ = call
        if permit is Permit.PROBE:
            self.breaker.released()
            self.probes -= 1

    @rule(call=calls)
    def answer_to_an_older_call(self, call: tuple[Permit, float]) -> None:
        shut = self.breaker.health(self.now) is Health.OPEN
        self.breaker.succeeded(self.now, began=min(call[1], 0.0))
        assert (self.breaker.health(self.now) is Health.OPEN) == shut

    @invariant()
    def one_probe_at_once(self) -> None:
        assert self.probes <= 1

    @invariant()
    def it_opens_again_in_the_end(self) -> None:
        health = self.breaker.health(self.now + LONGEST)
        assert (health is Health.OPEN) == (self.probes == 1)


TestBreaker = BreakerMachine.TestCase
TestBreaker.settings = settings(deadline=None, max_examples=60)
