"""A prefix is warm for its lifetime, and only for the history it was made of."""

from __future__ import annotations

import pytest

from openhands_tiered_router.policy.economics.cache_model import warm_tokens
from openhands_tiered_router.policy.entry import Entry
from openhands_tiered_router.policy.outcome import Usage
from openhands_tiered_router.policy.session import SessionState
from openhands_tiered_router.tiers import Endpoint, Tier


ENDPOINT = Endpoint(
    key="simple", tier=Tier.SIMPLE, model="m", cache_id="c", cache_ttl=300.0
)
SESSION = SessionState().after_call("c", Usage(prompt=1_000), 100.0)


@pytest.mark.parametrize(("now", "warm"), [(100, 1_000), (400, 1_000), (400.1, 0)])
def test_prefix_lives_to_the_end_of_its_lifetime(now: float, warm: int) -> None:
    assert warm_tokens(SESSION, ENDPOINT, prompt=2_000, now=now) == warm


def test_no_more_is_warm_than_the_prompt_has() -> None:
    assert warm_tokens(SESSION, ENDPOINT, prompt=700, now=100.0) == 700


def test_endpoint_that_never_answered_is_cold() -> None:
    other = Endpoint(key="complex", tier=Tier.COMPLEX, model="n", cache_id="d")
    assert warm_tokens(SESSION, other, prompt=500, now=100.0) == 0


def test_condensation_makes_every_cache_cold() -> None:
    short = SESSION.condensed(SessionState())
    assert warm_tokens(short, ENDPOINT, prompt=500, now=101.0) == 0


def test_prefix_is_out_of_reach_beyond_the_look_back() -> None:
    later = SESSION.fold([Entry(role="user", text="x")] * 21)
    seen = [
        warm_tokens(later, ENDPOINT, prompt=2_000, now=101.0, look_back=blocks)
        for blocks in (20, 21, None)
    ]
    assert seen == [0, 1_000, 1_000]
