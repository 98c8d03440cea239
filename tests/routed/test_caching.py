"""Cache marks on the wire: what a tier that was left for some turns has to pay."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from openhands.sdk import LLM
from openhands.sdk.llm import Message, MessageToolCall, TextContent
from openhands.sdk.llm.call_context import LLMCallContext
from openhands.sdk.tool.builtins import FinishTool

from openhands_tiered_router import ComplexityRouter
from openhands_tiered_router.loopback import LoopbackProvider
from openhands_tiered_router.loopback.faults import SlowFirstByte
from openhands_tiered_router.loopback.metering import (
    ANTHROPIC_LOOKBACK,
    MINIMUM_PREFIX,
    Metered,
    price,
)
from openhands_tiered_router.policy.caches import Gaps
from openhands_tiered_router.policy.economics.lifetime import CacheSettings
from openhands_tiered_router.policy.economics.price_book import default_price_book
from openhands_tiered_router.settings import RouterSettings


MODELS = {
    "simple": "anthropic/claude-haiku-4-5",
    "complex": "anthropic/claude-sonnet-4-5",
}
TOOLS = FinishTool.create()
LONG = "All that there is to know. " * 300
"""Some 2,000 tokens: enough to be cached."""
AWAY = ANTHROPIC_LOOKBACK // 2 + 2
"""Turns, of two content blocks each: more than the look-back."""


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def provider(clock: Clock) -> Iterator[LoopbackProvider]:
    book = default_price_book()
    names = [model.partition("/")[2] for model in MODELS.values()]
    prices = {name: price for name in names if (price := book.prices(name))}
    with LoopbackProvider(prices=prices, clock=clock) as provider:
        yield provider


def router(
    provider: LoopbackProvider, models: dict[str, str] = MODELS, **settings: Any
) -> ComplexityRouter:
    llms = {
        key: LLM(
            model=model,
            base_url=provider.base_url + ("" if "claude" in model else "/v1"),
            api_key="k",
        )
        for key, model in models.items()
    }
    cache = CacheSettings(**settings)
    return ComplexityRouter(llms_for_routing=llms, settings=RouterSettings(cache=cache))


def user(text: str) -> Message:
    return Message(role="user", content=[TextContent(text=text)])


def begin() -> list[Message]:
    system = Message(role="system", content=[TextContent(text=LONG)])
    return [system, user("Look at " + LONG)]


def turn(i: int) -> list[Message]:
    call = MessageToolCall(id=f"c{i}", name="look", arguments="{}", origin="completion")
    result = TextContent(text=f"{i}: {LONG[:400]}")
    return [
        Message(role="assistant", tool_calls=[call]),
        Message(role="tool", tool_call_id=f"c{i}", name="look", content=[result]),
    ]


def alternate(route: ComplexityRouter, tiers: str) -> list[Message]:
    """One call a letter, to the tier that begins with it."""
    names = {"s": "simple", "c": "complex"}
    context = LLMCallContext(session_id="s")
    messages = begin()
    for i, letter in enumerate(tiers):
        route.generate(messages, TOOLS, tier=names[letter], call_context=context)
        messages += turn(i)
    return messages


def marks(body: Any) -> list[str]:
    """The lifetime of each mark in a request, in the order of its blocks."""
    found: list[str] = []
    if isinstance(body, dict):
        if control := body.get("cache_control"):
            found.append(control.get("ttl", "5m"))
        order = ("tools", "system", "messages", "content")
        for key in order:
            found += marks(body.get(key))
    elif isinstance(body, list):
        for item in body:
            found += marks(item)
    return found


def test_a_tier_left_for_many_blocks_reads_its_cache_on_return(
    provider: LoopbackProvider,
) -> None:
    alternate(router(provider), "c" + "s" * AWAY + "c")
    first, back = provider.charged[0].usage, provider.charged[-1].usage
    assert back.cache_read >= first.cache_write > MINIMUM_PREFIX
    assert back.cache_read + back.cache_write == back.prompt
    new = back.prompt - first.prompt
    assert back.cache_write <= new
    assert all(2 <= len(marks(r.body)) <= 4 for r in provider.requests)


def test_without_breakpoints_it_pays_for_everything_again(
    provider: LoopbackProvider,
) -> None:
    alternate(router(provider, breakpoints=False), "c" + "s" * AWAY + "c")
    back = provider.charged[-1].usage
    first = provider.charged[0].usage
    assert back.cache_read < 0.6 * first.cache_write
    assert all(len(marks(r.body)) == 2 for r in provider.requests)


def test_many_blocks_in_one_turn_do_not_lose_the_same_tiers_cache(
    provider: LoopbackProvider,
) -> None:
    route, context = router(provider), LLMCallContext(session_id="s")
    messages = begin()
    route.generate(messages, TOOLS, tier="complex", call_context=context)
    for i in range(AWAY):
        messages += turn(i)
    route.generate(messages, TOOLS, tier="complex", call_context=context)
    first, second = (charge.usage for charge in provider.charged)
    assert second.cache_read >= first.cache_write > MINIMUM_PREFIX


def test_an_edited_history_is_not_marked_where_it_no_longer_stands(
    provider: LoopbackProvider,
) -> None:
    route = router(provider)
    messages = alternate(route, "cs")
    shorter = [messages[0], user("In short: " + LONG), *messages[4:]]
    context = LLMCallContext(session_id="s")
    route.generate(shorter, TOOLS, tier="complex", call_context=context)
    assert len(marks(provider.requests[-1].body)) == 2


def test_the_callers_messages_stay_as_they_are(provider: LoopbackProvider) -> None:
    route = router(provider, one_hour=True)
    messages = alternate(route, "cscs")
    fresh = begin() + [m for i in range(4) for m in turn(i)]
    assert messages == fresh
    assert {type(m) for m in messages} == {Message}


def test_other_wires_are_not_marked(provider: LoopbackProvider) -> None:
    models = {"simple": "openai/gpt-4o-mini", "complex": "openai/gpt-5-codex"}
    alternate(router(provider, models, one_hour=True), "cscsc")
    assert {str(r.wire) for r in provider.requests} == {"chat", "responses"}
    assert all("cache_control" not in str(r.body) for r in provider.requests)


def slow(route: ComplexityRouter, *, seconds: float = 700.0, count: int = 12) -> None:
    """Makes the session one whose turns are known to be slow."""
    record = route._ready().fleet.session("s")
    gaps = Gaps()
    for _ in range(count):
        gaps = gaps.after(seconds)
    ids = {e.cache_id for e in route._ready().endpoints.values()}
    record.state = replace(record.state, gaps=dict.fromkeys(ids, gaps))


def test_quick_turns_buy_five_minutes(provider: LoopbackProvider) -> None:
    route = router(provider)
    alternate(route, "ccc")
    assert [c.decision.cache_ttl for c in route.calls("s")] == [None] * 3
    assert all(set(marks(r.body)) == {"5m"} for r in provider.requests)


def test_an_hour_is_not_bought_where_that_is_turned_off(
    provider: LoopbackProvider,
) -> None:
    route = router(provider, one_hour=False)
    slow(route)
    alternate(route, "cc")
    assert all(set(marks(r.body)) == {"5m"} for r in provider.requests)


def test_five_minutes_follow_an_hour_in_the_order_that_the_api_demands(
    provider: LoopbackProvider, clock: Clock
) -> None:
    """The strict provider refuses an hour behind five minutes, and a fifth mark."""
    route, context = router(provider), LLMCallContext(session_id="s")
    slow(route)
    messages = begin()
    route.generate(messages, TOOLS, tier="complex", call_context=context)
    record = route._ready().fleet.session("s")
    record.state = replace(record.state, gaps={}, waits=Gaps())  # quick from now on
    for i in range(3):
        messages += turn(i)
        route.generate(messages, TOOLS, tier="complex", call_context=context)
    sent = [marks(r.body) for r in provider.requests]
    assert sent[0] == ["1h"] * len(sent[0])
    assert sent[-1] == ["1h", "1h", "5m", "5m"]
    hour, *later = (c.usage for c in provider.charged)
    assert all(c.cache_read >= hour.cache_write for c in later)
    clock.now += 1_000.0
    (name,) = record.state.warm
    prefix = record.state.warm[name]
    aged = replace(prefix, used_at=prefix.used_at - 1_000.0)
    record.state = replace(record.state, warm={name: aged})
    messages += turn(9)
    route.generate(messages, TOOLS, tier="complex", call_context=context)
    assert provider.charged[-1].usage.cache_read == hour.cache_write
    first, *between, last = (call.outcome for call in route.calls("s"))
    prices = default_price_book().prices("claude-sonnet-4-5")
    assert prices is not None
    assert prices.cache_write_1h is not None
    extra = prices.cache_write_1h - prices.cache_write
    assert first.hour_paid == pytest.approx(extra * hour.cache_write)
    assert [(o.hour_paid, o.hour_saved) for o in between] == [(0.0, 0.0)] * 3
    saved = (prices.cache_write - prices.cache_read) * hour.cache_write
    assert last.hour_saved == pytest.approx(saved)
    assert route.metrics.accumulated_cost == pytest.approx(provider.total_usd)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("asynchronous", [False, True])
async def test_an_hour_is_sent_kept_and_booked_exactly(
    provider: LoopbackProvider, clock: Clock, stream: bool, asynchronous: bool
) -> None:
    route = router(provider)
    route = route.model_copy(update={"stream": stream})
    slow(route)
    context, messages = LLMCallContext(session_id="s"), begin()
    chunks: list[object] = []
    for i in range(3):
        if asynchronous:
            await route.agenerate(
                messages,
                TOOLS,
                tier="complex",
                call_context=context,
                on_token=chunks.append,
            )
        else:
            await asyncio.to_thread(
                route.generate,
                messages,
                TOOLS,
                tier="complex",
                call_context=context,
                on_token=chunks.append,
            )
        messages += turn(i)
        clock.now += 1_000.0
    assert all(r.stream is stream for r in provider.requests)
    assert all(set(marks(r.body)) == {"1h"} for r in provider.requests)
    assert [c.usage.cache_read > 0 for c in provider.charged] == [False, True, True]
    booked = [call.outcome.cost for call in route.calls("s")]
    assert booked == pytest.approx([c.usd for c in provider.charged], rel=1e-12)
    listed = default_price_book().prices("claude-sonnet-4-5")
    assert listed is not None
    at_five_minutes = price(Metered(provider.charged[0].usage), listed)
    assert sum(cost or 0.0 for cost in booked[:1]) > 1.3 * at_five_minutes
    assert route.metrics.accumulated_cost == pytest.approx(provider.total_usd)


def test_the_session_remembers_the_hour(provider: LoopbackProvider) -> None:
    route = router(provider)
    slow(route)
    alternate(route, "cs")
    state = route._ready().fleet.session("s").state
    assert all(p.long_tokens == p.tokens for p in state.warm.values())
    assert {prefix.long_ttl for prefix in state.warm.values()} == {3600.0}
    decided = route.calls("s")[-1].decision
    assert any(reason.rule == "cache" for reason in decided.reasons)


def test_a_lifetime_runs_from_the_start_of_the_request(
    provider: LoopbackProvider,
) -> None:
    route = router(provider)
    provider.faults.next(SlowFirstByte(0.3))
    alternate(route, "c")
    (prefix,) = route._ready().fleet.session("s").state.warm.values()
    (call,) = route.calls("s")
    assert call.at <= prefix.used_at <= call.at + call.outcome.seconds - 0.3


def test_an_endpoint_that_reports_no_caching_gets_no_further_mark(
    provider: LoopbackProvider,
) -> None:
    route, context = router(provider), LLMCallContext(session_id="s")
    messages = [user("Short.")]
    for i in range(3):
        route.generate(messages, TOOLS, tier="complex", call_context=context)
        messages += [user(f"And {i}?")]
    assert all(charge.usage.cache_write == 0 for charge in provider.charged)
    assert all(len(marks(r.body)) == 1 for r in provider.requests)
