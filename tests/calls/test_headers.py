from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings, strategies as st

from openhands_tiered_router.calls.headers import said_in, said_in_answer
from openhands_tiered_router.calls.health.allowance import Level, Said


def openai(reset: str) -> dict[str, str]:
    return {
        "x-ratelimit-limit-requests": "60",
        "x-ratelimit-remaining-requests": "59",
        "x-ratelimit-reset-requests": reset,
    }


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1s", 1.0),
        ("20ms", 0.02),
        ("6m0s", 360.0),
        ("1h2m3.5s", 3723.5),
        ("2m59.56s", 179.56),
        ("7.66", 7.66),
        ("99999h", 86_400.0),
        ("soon", None),
        ("", None),
        ("1s, 2s", None),
        ("-4", None),
        ("nan", None),
    ],
)
def test_openais_durations(text: str, seconds: float | None) -> None:
    said = said_in(openai(text))
    assert said.requests is not None
    assert said.requests.reset == pytest.approx(seconds)
    assert said.tokens is None


def test_the_names_that_litellm_gives_are_read() -> None:
    headers = {f"llm_provider-{k}": v for k, v in openai("1s").items()}
    assert said_in(headers) == said_in(openai("1s"))


def test_anthropics_headers_with_the_time_of_the_reset() -> None:
    full = (datetime.now(UTC) + timedelta(seconds=30)).isoformat()
    kinds = {"requests": 50, "input-tokens": 30_000, "tokens": 38_000}
    headers = {
        f"anthropic-ratelimit-{kind}-{name}": value
        for kind, limit in kinds.items()
        for name, value in (
            ("limit", str(limit)),
            ("remaining", str(limit // 2)),
            ("reset", full.replace("+00:00", "Z")),
        )
    }
    said = said_in(headers)
    assert said.cached_free
    assert said.requests is not None
    assert said.tokens is not None
    assert (said.requests.limit, said.tokens.limit) == (50, 30_000)
    assert said.tokens.reset == pytest.approx(30, abs=5)
    assert said.tokens.rate == pytest.approx(500, rel=0.2)


def test_a_time_that_is_past_or_without_zone() -> None:
    names = ("limit", "remaining", "reset")
    for reset, seconds in (
        ("2020-01-01T00:00:00Z", 0.0),
        ("2099-01-01T00:00:00", None),
    ):
        values = zip(names, ("5", "1", reset), strict=True)
        said = said_in({f"anthropic-ratelimit-requests-{n}": v for n, v in values})
        assert said.requests == Level(5.0, 1.0, seconds)


def test_no_headers_say_nothing() -> None:
    assert not said_in({})
    assert not said_in({"x-ratelimit-limit-requests": "60", "content-type": "x"})
    assert not said_in_answer(None)
    assert not said_in_answer(object())


NAMES = st.sampled_from(
    [*openai(""), "anthropic-ratelimit-requests-limit", "x-ratelimit-limit-tokens",
     "anthropic-ratelimit-tokens-remaining", "x-ratelimit-remaining-tokens"]
)  # fmt: skip
VALUES = st.text("0123456789.-smhde:TZ ", max_size=12) | st.floats().map(str)


@settings(deadline=None)
@given(st.dictionaries(NAMES, VALUES))
def test_any_headers_are_read_and_no_wait_is_absurd(headers: dict[str, str]) -> None:
    said = said_in(headers)
    assert isinstance(said, Said)
    for level in (said.requests, said.tokens):
        if level is not None:
            assert 0 <= level.remaining <= level.limit
            assert 0 <= level.wait(1, 10, 5) <= 60
