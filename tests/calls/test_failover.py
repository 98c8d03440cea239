"""The order of attempts, on a clock of its own: no network, no waiting."""

from __future__ import annotations

import time
from itertools import pairwise
from pathlib import Path

import pytest
from openhands.sdk.llm.exceptions import (
    LLMAuthenticationError,
    LLMBadRequestError,
    LLMContentPolicyViolationError,
    LLMContextWindowExceedError,
    LLMNoResponseError,
    LLMRateLimitError,
    LLMServiceUnavailableError,
    LLMTimeoutError,
)

from openhands_tiered_router.calls.admission import _Asking
from openhands_tiered_router.calls.errors import (
    kind_of,
    retry_after,
)
from openhands_tiered_router.calls.health.breaker import Permit
from openhands_tiered_router.calls.state.sqlite import SqliteStore
from openhands_tiered_router.calls.steps import Blocking
from openhands_tiered_router.policy.outcome import ErrorKind
from tests.calls.bench import DOWN, Bench, always, limited, once, well


@pytest.mark.parametrize("luck", [0.0, 0.5, 1.0])
def test_a_wrong_name_is_given_up_at_two_seconds(
    monkeypatch: pytest.MonkeyPatch, luck: float
) -> None:
    """However the jitter falls; each attempt takes a second here."""
    monkeypatch.setattr("random.uniform", lambda low, high: low + luck * (high - low))
    wrong = LLMServiceUnavailableError("getaddrinfo failed")
    bench = Bench({"simple": always(wrong)})
    with pytest.raises(LLMServiceUnavailableError):
        bench.run()
    assert 1 < len(bench.sent) <= 3
    assert sum(bench.pauses) + len(bench.sent) <= 2 + 1 + 0.1


def test_an_open_breaker_is_passed_by() -> None:
    bench = Bench({"simple": always(DOWN), "medium": well})
    bench.run()
    bench.run()
    bench.run()
    assert bench.sent == ["simple", "medium", "simple", "medium", "medium"]


def test_a_call_that_every_breaker_refuses_goes_out_all_the_same() -> None:
    bench = Bench({"simple": lambda n: DOWN if n < 2 else None})
    for _ in range(2):
        bench.health("simple").breaker.failed(ErrorKind.OVERLOADED, bench.now)
    bench.run()
    assert bench.sent == ["simple"] * 3
    assert len(bench.pauses) == 2


@pytest.mark.parametrize(
    "error", [DOWN, LLMTimeoutError("slow"), limited(1), limited(60)]
)
def test_who_counts_attempts_is_asked_once(error: Exception) -> None:
    bench = Bench(
        {"simple": always(error), "medium": always(error)},
        own_attempts=frozenset({"simple", "medium"}),
    )
    for _ in range(3):  # breakers open, and providers ask to wait
        before = len(bench.sent)
        with pytest.raises(type(error)):
            bench.run()
        assert sorted(bench.sent[before:]) == ["medium", "simple"]
    assert bench.pauses == []


def test_an_empty_answer_counts_as_an_attempt_of_the_model() -> None:
    empty = always(LLMNoResponseError("empty"))
    bench = Bench({"simple": empty}, own_attempts=frozenset({"simple"}))
    with pytest.raises(LLMNoResponseError):
        bench.run()
    assert bench.sent == ["simple"]


def test_only_those_that_count_attempts_drop_out() -> None:
    bench = Bench(
        {"simple": always(DOWN), "medium": lambda n: DOWN if n < 3 else None},
        own_attempts=frozenset({"simple"}),
    )
    bench.run()
    assert bench.sent == ["simple", *["medium"] * 4]


def test_when_all_are_down_it_tries_again_until_its_patience_ends() -> None:
    bench = Bench({"simple": always(DOWN), "medium": always(DOWN)})
    with pytest.raises(LLMServiceUnavailableError) as caught:
        bench.run()
    assert bench.now - 1000 <= 120 + 2
    assert len(bench.sent) > 6
    text = str(caught.value)
    assert "simple (model-simple): overloaded after 1.0 s" in text
    assert "medium (model-medium)" in text
    assert text.endswith("simple said: down")
    assert caught.value.__cause__ is DOWN


def test_a_short_outage_is_survived() -> None:
    bench = Bench({"complex": lambda n: DOWN if n < 4 else None})
    bench.run()
    assert len(bench.sent) == 5


def test_retry_after_of_the_only_endpoint_is_obeyed() -> None:
    bench = Bench({"complex": once(limited(40))})
    bench.run()
    assert sum(bench.pauses) >= 39


def test_a_retry_after_beyond_patience_fails_with_the_rate_limit_error() -> None:
    bench = Bench({"complex": always(limited(600))})
    with pytest.raises(LLMRateLimitError):
        bench.run()
    assert bench.sent == ["complex"]
    with pytest.raises(LLMRateLimitError, match="asked to wait 600 s more"):
        bench.run()
    assert bench.sent == ["complex"]


def test_a_wrong_key_is_not_tried_again() -> None:
    error = LLMAuthenticationError("wrong key")
    bench = Bench({"complex": always(error)})
    with pytest.raises(LLMAuthenticationError) as caught:
        bench.run()
    assert caught.value is error
    assert bench.sent == ["complex"]


def test_too_long_a_prompt_goes_to_a_bigger_window() -> None:
    error = LLMContextWindowExceedError()
    bench = Bench(
        {"simple": always(error), "medium": well, "complex": well},
        windows={"simple": 100, "medium": 100, "complex": 200},
    )
    bench.run()
    assert bench.sent == ["simple", "complex"]


def test_a_rejected_history_is_repaired_once() -> None:
    bench = Bench({"complex": once(LLMBadRequestError("thinking"))}, repairable=True)
    bench.run()
    assert bench.sent == ["complex", "complex"]
    assert bench.repairs == ["complex"]


def test_a_bad_request_is_tried_on_one_other_model_and_then_believed() -> None:
    error = LLMBadRequestError("no such parameter")
    bench = Bench({k: always(error) for k in ("simple", "medium", "complex")})
    with pytest.raises(LLMBadRequestError, match="Tried simple .*; medium ") as caught:
        bench.run()
    assert caught.value.__cause__ is error
    assert bench.sent == ["simple", "medium"]


def test_what_the_agent_handles_itself_is_passed_on() -> None:
    error = LLMContentPolicyViolationError()
    bench = Bench({"simple": always(error), "medium": well})
    with pytest.raises(LLMContentPolicyViolationError):
        bench.run()
    assert bench.sent == ["simple"]


def test_retry_after_is_obeyed_beside_an_endpoint_that_is_down() -> None:
    bench = Bench({"simple": always(limited(60)), "medium": always(DOWN)})
    times: list[float] = []
    simple = bench.behaviours["simple"]
    bench.behaviours["simple"] = lambda n: times.append(bench.now) or simple(n)
    with pytest.raises(LLMRateLimitError):
        bench.run()
    assert all(b - a >= 60 for a, b in pairwise(times))
    assert bench.sent.count("medium") > 2


def test_an_answer_that_cannot_be_read_is_paid_for_twice_at_most() -> None:
    bench = Bench({"simple": always(LLMNoResponseError())})
    with pytest.raises(LLMNoResponseError):
        bench.run()
    assert bench.sent == ["simple"] * 2


def test_an_error_that_is_not_the_sdks_becomes_one_of_several() -> None:
    class Forbidden(Exception):
        status_code = 403

    bench = Bench({"simple": always(Forbidden("no access"))})
    with pytest.raises(Forbidden):
        bench.run()
    both = {name: always(Forbidden("no access")) for name in ("simple", "medium")}
    with pytest.raises(LLMAuthenticationError, match="no access"):
        Bench(both).run()


def test_a_retry_after_that_is_no_number_is_ignored() -> None:
    assert retry_after(limited(float("nan"))) is None
    assert retry_after(limited(float("inf"))) is None
    assert retry_after(limited(-3)) == 0


def test_googles_passing_limit_is_not_out_of_credit() -> None:
    text = "You exceeded your current quota. Please retry in 27.4s."
    assert kind_of(LLMRateLimitError(text)) is ErrorKind.RATE_LIMIT
    assert kind_of(LLMRateLimitError(text[:32])) is ErrorKind.QUOTA


@pytest.mark.parametrize("late", [False, True])
def test_a_call_cancelled_while_it_asks_a_shared_breaker_keeps_no_probe(
    tmp_path: Path, late: bool
) -> None:
    bench = Bench({"simple": well}, store=SqliteStore(tmp_path / "state.sqlite3"))
    breaker = bench.health("simple").breaker
    breaker.failed(ErrorKind.CONNECTION, bench.now - 31)
    steps = bench.failover().run()
    step = next(steps)
    while True:  # up to the question to the breaker, behind the rate limit's
        assert isinstance(step, Blocking)
        if isinstance(step.work, _Asking):
            break
        step = steps.send(step.work())
    if late:  # the thread that asks goes on after the call has gone
        steps.close()
        assert step.work() is Permit.PROBE
    else:
        assert step.work() is Permit.PROBE
        steps.close()
    until = time.monotonic() + 30
    while not (permit := breaker.acquire(bench.now)) and time.monotonic() < until:
        time.sleep(0.01)  # it is given back in a thread of its own
    assert permit is Permit.PROBE
