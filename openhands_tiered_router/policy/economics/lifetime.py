"""For how long a prompt's new tokens are bought, where a provider sells a choice.

Anthropic keeps what a request writes for five minutes at 1.25 times the input price
or for an hour at twice. Which is cheaper depends on whether a pause between the two
is still to come: a token written for five minutes is written once more after such a
pause, one written for an hour is not. With the extra price ``e`` a token and the loss
``l`` (written again instead of read), and the chance ``P`` that such a pause comes
before the conversation ends,

    an hour costs e;   five minutes cost P * (l + min(e, five minutes again)),

and both are equal at ``P = e / (l + e)``: .395 at Anthropic's prices.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

from openhands_tiered_router.fields import Section
from openhands_tiered_router.policy.caches import (
    SPREAD,
    Gaps,
    WarmPrefix,
    outlasts,
)
from openhands_tiered_router.policy.changed import changed
from openhands_tiered_router.policy.engine import Draft
from openhands_tiered_router.policy.outcome import Usage
from openhands_tiered_router.policy.request import Purpose
from openhands_tiered_router.policy.session import SessionState
from openhands_tiered_router.policy.tally import TYPICAL_TURN
from openhands_tiered_router.tiers import Endpoint, TierSet


HOUR: Final = 3_600.0
"""Seconds of Anthropic's longer lifetime, ``"ttl": "1h"``."""

CONTINUES: Final = 0.988
"""Probability that a session goes on after a turn: 86 turns on average (recorded)."""
PACE_WEIGHT: Final = 0.4
"""Gaps of its own that outweigh the typical one: ``SPREAD`` squared by the variance of
paces. Sessions of one agent differ by .3 to .75 in the logarithm; with models and
machines, which no recording compares, by a factor of 3.5 (1.26) in our judgement."""
WAITS_LONG: Final = 0.4
WAITS_WEIGHT: Final = 2.0
"""Chance that a user's answer takes between five minutes and an hour, and the waits
that outweigh it. Judgement: no recorded session has users who come back."""
WAITS_EACH: Final = 50.0
"""Turns without a word of the user that halve the odds of one."""

_NODES: Final = ((-2.0, 0.06), (-1.2, 0.16), (-0.5, 0.28))
"""Points and weights by which a normal distribution is averaged over; each stands
for its mirror image too."""


class CacheSettings(Section):
    """How prompts are marked for providers' caches; the configuration's ``[cache]``."""

    breakpoints: bool = True
    """Mark where each endpoint's last prompt ended, so that a tier left for a few
    turns is still warm on return. Only for models that want marks (Claude)."""
    one_hour: bool = True
    """Buy the one-hour cache (2 x the input price instead of 1.25 x) where a pause
    that five minutes do not outlive is likely enough; see docs/tokens.md."""
    keep_alive: bool = False
    """In a gateway of one process, send a prompt again for one token before its cache
    dies, while a return is likely enough to pay for it; at most six times. Off: it
    spends while nobody asks."""


@dataclass(frozen=True, slots=True)
class CacheLifetime:
    """Buys for each endpoint the lifetime that is expected to cost less."""

    enabled: bool = True

    def __call__(self, draft: Draft) -> Draft:
        request = draft.request
        if not self.enabled or not request.marks_cache:
            return draft
        if request.purpose is not Purpose.TURN:
            return draft
        bought = {
            e.key
            for e in draft.tiers.endpoints
            if buys_hour(draft.session, e, now=draft.now)
        }
        if not bought:
            return draft
        endpoints = tuple(
            for_an_hour(e) if e.key in bought else e for e in draft.tiers.endpoints
        )
        candidates = tuple(
            changed(c, cache_ttl=HOUR) if c.endpoint in bought else c
            for c in draft.candidates
        )
        tiers = TierSet(endpoints, draft.tiers.max_complexity)
        text = f"an hour for {', '.join(sorted(bought))}"
        return draft.because("cache", text, tiers=tiers, candidates=candidates)


def sells_hour(endpoint: Endpoint) -> bool:
    """Whether the endpoint's provider sells the one-hour cache, at a known price."""
    prices = endpoint.prices
    return (
        prices is not None
        and prices.cache_write_1h is not None
        and endpoint.cache_ttl < HOUR
    )


def for_an_hour(endpoint: Endpoint) -> Endpoint:
    """The endpoint with the hour's lifetime and write price, if it sells that."""
    prices = endpoint.prices
    if prices is None or prices.cache_write_1h is None:
        return endpoint
    long = prices.long_context
    if long is not None and prices.cache_write > 0:
        # No list gives this price by name; Anthropic's ratio holds for long prompts.
        write = long.cache_write * prices.cache_write_1h / prices.cache_write
        long = replace(long, cache_write=write)
    dearer = replace(prices, cache_write=prices.cache_write_1h, long_context=long)
    return replace(endpoint, prices=dearer, cache_ttl=HOUR)


def buys_hour(session: SessionState, endpoint: Endpoint, *, now: float) -> bool:
    """Whether what the coming request writes should be kept for an hour.

    Args:
        session: The conversation so far.
        endpoint: Where the request would go.
        now: Epoch seconds of its start.
    """
    prices = endpoint.prices
    if prices is None or prices.cache_write_1h is None or endpoint.cache_ttl >= HOUR:
        return False
    prefix = session.warm.get(endpoint.cache_id)
    if prefix is not None:
        warm = prefix.alive(now, endpoint.cache_ttl)
        if warm > prefix.long_tokens:
            return False  # what is written behind a shorter life dies with it
    extra = prices.cache_write_1h - prices.cache_write
    lost = prices.cache_write - prices.cache_read
    if extra <= 0.0:
        return True
    # The gap that the coming request ends is known too: above all the pause after
    # which all is written anew.
    if prefix is not None:
        ended = session.gap_of(endpoint.cache_id, now - prefix.requested_at)
        session = changed(session, **ended)
    return chance_of_pause(session, endpoint) * (lost + extra) > extra


def hour_effect(
    endpoint: Endpoint,
    before: WarmPrefix | None,
    usage: Usage,
    *,
    ttl: float | None,
    started: float,
) -> tuple[float, float]:
    """What buying hours cost and saved in one call, USD.

    Paid: its writes at the hour's price, less those at the usual one. Saved: what it
    read of a prefix bought for an hour after the usual life was over, and would have
    written again. Of the short prompt's prices; zero where none is known.

    Args:
        endpoint: That answered.
        before: What it had cached before.
        usage: Tokens as the provider counted them.
        ttl: Seconds for which the call bought what it wrote, if not the usual.
        started: Start of the request, epoch seconds.
    """
    prices = endpoint.prices
    if prices is None or prices.cache_write_1h is None:
        return 0.0, 0.0
    extra = prices.cache_write_1h - prices.cache_write
    paid = extra * usage.cache_write if ttl == HOUR else 0.0
    if before is None or started - before.used_at <= endpoint.cache_ttl:
        return paid, 0.0
    kept = min(usage.cache_read, before.long_tokens)
    return paid, (prices.cache_write - prices.cache_read) * kept


def chance_of_pause(session: SessionState, endpoint: Endpoint) -> float:
    """P(a gap that an hour outlives and the endpoint's own lifetime does not is yet
    to come between two requests to its cache).

    Gaps are taken to be log-logistic, with the pace and spread that this conversation
    shows, and averaged over what is not known of its pace (normal, conjugate prior).
    Gaps in which the user speaks are counted apart.
    """
    middles, spread, goes_on = _pace(session, endpoint)
    waits = _chance_of_long_wait(session)
    shorter = max(endpoint.cache_ttl, 1.0)
    chance = 0.0
    for middle, weight in middles:
        each = outlasts(shorter, middle, spread) - outlasts(HOUR, middle, spread)
        each += waits * (1.0 - each)
        chance += weight * goes_on * each / (1.0 - goes_on * (1.0 - each))
    return chance


def returns_after(
    session: SessionState, endpoint: Endpoint, seconds: float, *, asked: bool
) -> float:
    """P(the next request to that cache comes, and later than so many seconds after the
    last one began).

    Args:
        session: The conversation so far.
        endpoint: Whose cache it is.
        seconds: From the start of the last request.
        asked: Whether the model has left the turn to the user, who may never come back:
            then it is the user's waits that count, and how often the user came back.
    """
    seconds = max(seconds, 1.0)
    if asked:
        waits = session.waits
        if not waits.count:
            return 0.0  # nobody has ever come back here
        comes = waits.count / (session.user_messages + 1.0)
        mean = waits.log_sum / waits.count
        return comes * outlasts(seconds, mean, SPREAD)
    middles, spread, goes_on = _pace(session, endpoint)
    return goes_on * sum(w * outlasts(seconds, m, spread) for m, w in middles)


def _pace(
    session: SessionState, endpoint: Endpoint
) -> tuple[list[tuple[float, float]], float, float]:
    """Middles of the logarithm of the gaps with their weights, its deviation, and
    P(the session goes on)."""
    gaps = session.gaps.get(endpoint.cache_id, Gaps())
    count = PACE_WEIGHT + gaps.count
    pace = (PACE_WEIGHT * _typical(session, endpoint) + gaps.log_sum) / count
    unsure = gaps.deviation / math.sqrt(count)
    # Requests to this cache are fewer than turns where others serve some.
    goes_on = CONTINUES ** max((session.turns + 1) / (gaps.count + 2), 1.0)
    middles = [
        (pace + sign * point * unsure, weight)
        for point, weight in _NODES
        for sign in (-1.0, 1.0)
    ]
    return middles, gaps.deviation, goes_on


def _typical(session: SessionState, endpoint: Endpoint) -> float:
    """Logarithm of the seconds that a turn is expected to take, by the gaps between
    requests to other caches; this one's own are weighed by the caller."""
    others = [g for key, g in session.gaps.items() if key != endpoint.cache_id]
    known = PACE_WEIGHT * math.log(TYPICAL_TURN) + sum(g.log_sum for g in others)
    return known / (PACE_WEIGHT + sum(g.count for g in others))


def _chance_of_long_wait(session: SessionState) -> float:
    """P(the user speaks before the next turn, and takes longer than five minutes).

    How long the user's answers take is judged by their mean alone: they are few.
    """
    waits = session.waits
    if not waits.count:
        return 0.0
    speaks = waits.count / (session.turns + WAITS_EACH)
    mean = waits.log_sum / waits.count
    seen = outlasts(300.0, mean, SPREAD) - outlasts(HOUR, mean, SPREAD)
    long = (WAITS_WEIGHT * WAITS_LONG + waits.count * seen) / (
        WAITS_WEIGHT + waits.count
    )
    return speaks * long
