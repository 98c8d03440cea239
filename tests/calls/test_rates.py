"""Rate limits: who is sent where, who waits, and who is turned away."""

from __future__ import annotations

import pytest
from openhands.sdk.llm.exceptions import LLMRateLimitError, LLMTimeoutError

from openhands_tiered_router.calls.health.breaker import Permit
from openhands_tiered_router.calls.settings import DispatchSettings
from openhands_tiered_router.calls.steps import Pause, Send
from openhands_tiered_router.calls.watch import CallFacts
from openhands_tiered_router.policy.outcome import ErrorKind
from openhands_tiered_router.tiers import Limits
from tests.calls.bench import DOWN, Bench, always, limited, well


PATIENT = DispatchSettings(total_timeout=600.0)


def most_in_a_minute(times: list[float]) -> int:
    return max(sum(t <= u < t + 60 for u in times) for t in times)


def test_a_burst_is_spread_over_the_minutes_and_all_are_served() -> None:
    """The seed's pitfall: a hundred calls at once at a provider that takes twenty."""
    bench = Bench({"simple": well}, limits={"simple": Limits(rpm=20)})
    bench.settings = PATIENT
    ended = bench.together("abcde" * 20)
    assert sorted(ended) == sorted("abcde" * 20)
    assert most_in_a_minute(bench.times) == 20
    assert max(bench.times) - 1000 < 4 * 65 + 5


def test_the_same_burst_without_a_limit_is_refused_by_the_provider() -> None:
    """What the test above would look like if it could not fail."""
    bench = Bench({"simple": well})
    bench.together("abcde" * 20)
    assert most_in_a_minute(bench.times) == 100


def test_past_the_bound_a_call_fails_at_once_and_says_how_long_to_wait() -> None:
    settings = PATIENT.model_copy(update={"queue": 3})
    bench = Bench({"simple": well}, limits={"simple": Limits(rpm=2)}, settings=settings)
    ended = bench.together("abcdefg")
    assert ended[:2] == ["f LLMRateLimitError", "g LLMRateLimitError"]
    assert sorted(ended[2:]) == list("abcde")


def test_the_error_states_the_wait() -> None:
    settings = PATIENT.model_copy(update={"queue": 0})
    bench = Bench({"simple": well}, limits={"simple": Limits(rpm=1)}, settings=settings)
    bench.run()
    with pytest.raises(LLMRateLimitError, match=r"try again in 6\d s"):
        bench.run()
    assert bench.sent == ["simple"]


def test_a_wait_beyond_patience_is_not_begun() -> None:
    bench = Bench({"simple": well}, limits={"simple": Limits(rpm=1)})
    bench.settings = DispatchSettings(total_timeout=30.0)
    bench.run()
    with pytest.raises(LLMRateLimitError, match="at its rate limit"):
        bench.run()
    assert bench.pauses == []


def test_after_the_wait_the_same_call_works() -> None:
    bench = Bench({"simple": well}, limits={"simple": Limits(rpm=1)})
    bench.settings = DispatchSettings(total_timeout=5.0)
    bench.run()
    with pytest.raises(LLMRateLimitError):
        bench.run()
    bench.now += 65
    bench.run()
    assert len(bench.sent) == 2


def test_an_equal_with_room_goes_before_waiting() -> None:
    bench = Bench(
        {"simple": well, "simple/2": well, "medium": well},
        limits={"simple": Limits(rpm=1), "simple/2": Limits(rpm=1)},
    )
    for _ in range(3):
        bench.run()
    assert bench.sent == ["simple", "simple/2", "medium"]
    assert bench.pauses == []


def test_a_short_wait_is_not_worth_a_dearer_tier() -> None:
    bench = Bench({"simple": well, "medium": well}, limits={"simple": Limits(rpm=1)})
    bench.run()
    bench.now += 63
    bench.run()
    assert bench.sent == ["simple", "simple"]
    assert sum(bench.pauses) < 2.2


def test_a_limited_endpoint_serves_when_all_others_fail() -> None:
    bench = Bench(
        {"simple": well, "medium": always(DOWN)}, limits={"simple": Limits(rpm=1)}
    )
    bench.run()
    bench.run()
    assert bench.sent == ["simple", "medium", "simple"]


def test_a_cancelled_call_leaves_the_line() -> None:
    bench = Bench({"simple": well}, limits={"simple": Limits(rpm=1)})
    bench.run()
    steps = bench.failover().run()
    assert isinstance(next(steps), Pause)
    assert bench.health("simple").limiter.waiting == 1
    steps.close()
    assert bench.health("simple").limiter.waiting == 0


def test_no_probe_is_held_while_waiting_for_the_rate() -> None:
    bench = Bench({"simple": well}, limits={"simple": Limits(rpm=1)})
    bench.run()
    breaker = bench.health("simple").breaker
    breaker.failed(ErrorKind.CONNECTION, bench.now - 31)
    steps = bench.failover().run()
    assert isinstance(next(steps), Pause)
    assert breaker.acquire(bench.now) is Permit.PROBE
    steps.close()


def test_a_429_that_asks_for_long_goes_elsewhere() -> None:
    bench = Bench({"simple": always(limited(20)), "medium": well})
    bench.run()
    assert bench.sent == ["simple", "medium"]


# -- endpoints that hang ---------------------------------------------------------


def used_to(bench: Bench, key: str, seconds: float) -> None:
    for _ in range(20):
        bench.health(key).latency.took(seconds, streamed=False)


def timeout_of_first_send(bench: Bench) -> float | None:
    steps = bench.failover(CallFacts()).run()
    send = next(steps)
    steps.close()
    assert isinstance(send, Send)
    return send.timeout


@pytest.mark.parametrize(("usual", "timeout"), [(2.0, 30.0), (20.0, 80.0)])
def test_one_that_is_silent_for_long_is_left_for_an_equal(
    usual: float, timeout: float
) -> None:
    bench = Bench({"simple": well, "simple/2": well})
    used_to(bench, "simple", usual)
    assert timeout_of_first_send(bench) == timeout


@pytest.mark.parametrize("streams", [False, True])
def test_what_was_cut_counts_so_that_slower_answers_are_learnt(streams: bool) -> None:
    """Else an endpoint that became slower would be cut for ever."""
    silent = LLMTimeoutError("silent")
    bench = Bench({"simple": always(silent), "simple/2": well})
    latency = bench.health("simple").latency
    for _ in range(20):
        latency.took(2.0, streamed=True)
        latency.took(2.0, streamed=False)
    for _ in range(3):
        steps = bench.failover(CallFacts(streams=lambda _: streams)).run()
        assert isinstance(next(steps), Send)
        steps.send(silent)
        steps.close()
        bench.now += 31
    assert latency.usual(streamed=streams) == 30.0
    assert latency.usual(streamed=not streams) == 2.0


def test_no_haste_without_an_equal_that_is_well() -> None:
    bench = Bench({"simple": well, "medium": well})
    used_to(bench, "simple", 2.0)
    assert timeout_of_first_send(bench) is None
    bench = Bench({"simple": well, "simple/2": well})
    used_to(bench, "simple", 2.0)
    bench.health("simple/2").breaker.failed(ErrorKind.CONNECTION, bench.now)
    assert timeout_of_first_send(bench) is None


def test_no_haste_before_its_times_are_known_or_when_switched_off() -> None:
    bench = Bench({"simple": well, "simple/2": well})
    assert timeout_of_first_send(bench) is None
    bench.settings = bench.settings.model_copy(update={"hang_timeout": 0.0})
    used_to(bench, "simple", 2.0)
    assert timeout_of_first_send(bench) is None
