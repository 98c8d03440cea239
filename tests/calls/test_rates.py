"""Rate limits: who is sent where, who waits, and who is turned away."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from openhands.sdk.llm import LLMResponse
from openhands.sdk.llm.exceptions import LLMRateLimitError, LLMTimeoutError

from openhands_tiered_router.calls.call import CallFacts
from openhands_tiered_router.calls.health.allowance import Level, Said
from openhands_tiered_router.calls.health.fair_queue import Ticket
from openhands_tiered_router.calls.health.transitions import Permit
from openhands_tiered_router.calls.settings import DispatchSettings
from openhands_tiered_router.calls.steps import Pause, Send
from openhands_tiered_router.policy.outcome import ErrorKind
from openhands_tiered_router.tiers import Limits
from tests.calls.bench import DOWN, Behaviour, Bench, always, answer, limited, well


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


def test_one_conversation_with_many_calls_does_not_hold_up_another() -> None:
    bench = Bench({"simple": well}, limits={"simple": Limits(rpm=2)})
    bench.settings = PATIENT
    ended = bench.together("aaaaaaab")
    assert ended.index("b") <= 3


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


# -- what the provider says ------------------------------------------------------


@dataclass
class Bucket:
    """A provider's own token bucket, with OpenAI's headers."""

    bench: Bench
    capacity: float = 10.0
    per_second: float = 0.5
    level: float = 10.0
    at: float = 1000.0
    refused: int = 0

    def __call__(self, _: int) -> Exception | LLMResponse:
        now = self.bench.now
        filled = self.level + (now - self.at) * self.per_second
        self.level, self.at = min(self.capacity, filled), now
        if self.level < 1:
            self.refused += 1
            return limited(2.0)
        self.level -= 1
        return answer(
            {
                "x-ratelimit-limit-requests": f"{self.capacity:.0f}",
                "x-ratelimit-remaining-requests": f"{int(self.level)}",
                "x-ratelimit-reset-requests": f"{self._reset():.0f}s",
            }
        )

    def _reset(self) -> float:
        return (self.capacity - int(self.level)) / self.per_second


@pytest.mark.parametrize("says", [True, False])
def test_a_burst_is_refused_at_most_until_the_limit_is_known(says: bool) -> None:
    """Two waves of thirty conversations: the first meets what nobody knows yet."""
    bench = Bench({"simple": well}, settings=PATIENT)
    bucket = Bucket(bench)
    bench.behaviours["simple"] = bucket if says else silent(bucket)
    bench.together("".join(chr(97 + n) for n in range(30)))
    first, bucket.refused = bucket.refused, 0
    bench.together("".join(chr(97 + n) for n in range(30)))
    assert first > 0
    assert (bucket.refused == 0) == says


def silent(bucket: Bucket) -> Behaviour:
    def behaviour(number: int) -> Exception | None:
        reply = bucket(number)
        return reply if isinstance(reply, Exception) else None

    return behaviour


def hear(bench: Bench, key: str, said: Said) -> None:
    limiter = bench.health(key).limiter
    ticket = Ticket(session="", tokens=1, uncached=1)
    limiter.take(ticket, bench.now, insist=True)
    limiter.settle(ticket, bench.now, None, said)


def test_a_provider_that_says_it_is_used_up_is_spared() -> None:
    bench = Bench({"simple": well, "simple/2": well})
    hear(bench, "simple", Said(requests=Level(60, 0, 60 * 10)))
    bench.run()
    assert bench.sent == ["simple/2"]


def test_what_headers_say_never_makes_a_call_fail() -> None:
    """Even with no time for a second attempt."""
    bench = Bench({"simple": well}, settings=DispatchSettings(total_timeout=1.0))
    hear(bench, "simple", Said(requests=Level(1, 0, 86_400)))
    bench.run()
    assert bench.sent == ["simple"]


def test_a_429_without_headers_still_works_as_before() -> None:
    bench = Bench({"simple": always(limited(20)), "medium": well})
    bench.run()
    assert bench.sent == ["simple", "medium"]


# -- endpoints that hang ---------------------------------------------------------


def used_to(bench: Bench, key: str, seconds: float) -> None:
    for _ in range(20):
        bench.health(key).latency.answered(bench.now, seconds, 100)


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
        latency.streamed(bench.now, 2.0)
        latency.answered(bench.now, 2.0, 100)
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
