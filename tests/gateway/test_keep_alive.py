"""Caches that are kept alive between requests: what is sent, booked and stopped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest


pytest.importorskip("fastapi", reason='needs the extra "gateway"')

from openhands_tiered_router.calls import clock
from openhands_tiered_router.calls.fleet import RoutedCall, fleet
from openhands_tiered_router.gateway import hook, opening
from openhands_tiered_router.gateway.call import MODEL, Wire
from openhands_tiered_router.gateway.hook import Gateway
from openhands_tiered_router.gateway.keep_alive import leaves_turn, prompt_of
from openhands_tiered_router.gateway.settings import WORKERS
from openhands_tiered_router.policy.economics.keep_alive import MOST
from openhands_tiered_router.policy.request import Purpose
from tests.waiting import PATIENCE


CONFIG = """
graph.enabled = false
{cache}
[[tiers.complex.endpoints]]
model = "anthropic/claude-sonnet-4-5"
[[budgets]]
name = "day"
scope = "day"
usd = {usd}
"""
ON = "cache.keep_alive = true"
TOOLS = [{"type": "function", "function": {"name": "terminal"}}]
ANSWER = {"choices": [{"finish_reason": "stop"}]}
SIZE = 30_000


class World:
    """A gateway, its clock, and what it has LiteLLM send."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.gateway = Gateway()
        self.sent: list[dict[str, Any]] = []
        self.fails = False
        self.asleep: list[asyncio.Event] = []
        self.calls = 0
        self.cost = 0.01
        self.gateway._alive._send = self.send
        self.gateway._alive._sleep = self.sleep

    async def sleep(self, seconds: float) -> None:
        """Until the test says so; it is then as late as was asked for."""
        at, woken = self.now + seconds, asyncio.Event()
        self.asleep.append(woken)
        await woken.wait()
        self.now = max(self.now, at)

    async def send(self, wire: Wire, body: dict[str, Any]) -> None:
        assert wire is Wire.CHAT
        self.sent.append(body)
        if self.fails:
            raise ConnectionError
        await self.succeed(body, read=SIZE)

    async def succeed(self, data: dict[str, Any], *, read: int) -> None:
        """LiteLLM tells the end of a request."""
        details = {"cached_tokens": read, "cache_creation_tokens": SIZE - read}
        logged = {
            "model_group": data["model"],
            "prompt_tokens": SIZE,
            "completion_tokens": 1,
            "response_cost": self.cost,
            "metadata": {"usage_object": {"prompt_tokens_details": details}},
        }
        told = {
            "litellm_call_id": data["litellm_call_id"],
            "standard_logging_object": logged,
        }
        await self.gateway.async_log_success_event(told, ANSWER, None, None)

    async def ask(self, **fields: Any) -> dict[str, Any]:
        self.calls += 1
        said = [{"role": "user", "content": f"{i}"} for i in range(self.calls)]
        data = {
            "model": MODEL,
            "messages": said,
            "tools": TOOLS,
            "litellm_session_id": "one",
            "litellm_call_id": f"call-{self.calls}",
            **fields,
        }
        return await self.gateway.async_pre_call_hook(None, None, data, "acompletion")

    async def turns(self, *gaps: float, **fields: Any) -> None:
        """Requests, so many seconds apart, each with another word of the user."""
        for gap in (0.0, *gaps):
            self.now += gap
            data = await self.ask(**fields)
            self.asleep.clear()  # the one before is stopped by now
            await self.succeed(data, read=0)

    @property
    def followed(self) -> int:
        return len(self.gateway._alive._followed)

    async def wake(self) -> None:
        """Time passes until the next ping is due."""
        await until(lambda: bool(self.asleep))
        self.asleep.pop().set()

    async def to_the_end(self) -> None:
        while self.followed:
            if self.asleep:
                await self.wake()
            await asyncio.sleep(0.01)

    @staticmethod
    def pings() -> list[RoutedCall]:
        calls = fleet().calls("one")
        return [call for call in calls if call.purpose is Purpose.KEEP_ALIVE]


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not true():
            await asyncio.sleep(0.01)


@pytest.fixture
async def make(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Callable[..., World]]:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-x")
    monkeypatch.setattr(opening, "replace_models", lambda *_: None)
    made: list[World] = []

    def world(cache: str = ON, usd: float = 100.0) -> World:
        config = tmp_path / "tiered-router.toml"
        config.write_text(CONFIG.format(cache=cache, usd=usd), encoding="utf-8")
        monkeypatch.setenv("TIERED_ROUTER_CONFIG", str(config))
        made.append(World())
        monkeypatch.setattr(clock, "now", lambda: made[-1].now)
        return made[-1]

    yield world
    for each in made:
        await each.gateway.close()


async def test_a_prompt_is_sent_again_before_its_cache_dies(make) -> None:
    world = make()
    await world.turns(600.0, 600.0, 600.0)
    began = world.now
    await world.wake()
    await until(lambda: len(world.pings()) == 1)
    assert world.now == pytest.approx(began + 270.0)
    (ping,) = world.sent
    assert ping["max_tokens"] == 1
    assert ping["model"] == f"{MODEL}/complex"
    assert ping["tools"] == TOOLS
    assert [m["content"] for m in ping["messages"]] == ["0", "1", "2", "3"]
    (prefix,) = fleet().session("one").state.warm.values()
    assert prefix.used_at == pytest.approx(began + 270.0)
    assert prefix.requested_at == pytest.approx(began)


async def test_pings_are_booked_like_any_call_and_at_most_six(make) -> None:
    world = make()
    await world.turns(700.0, 700.0, 700.0, 700.0)
    await world.to_the_end()
    calls = world.pings()
    assert 1 <= len(calls) == len(world.sent) <= MOST
    assert all(call.outcome.cost == 0.01 for call in calls)
    assert all(call.outcome.usage.cache_read == SIZE for call in calls)
    assert fleet().session("one").state.waits.count == 4  # pings are no gaps


async def test_a_request_stops_the_next_ping(make) -> None:
    world = make()
    await world.turns(600.0, 600.0, 600.0)
    assert world.followed == 1
    await world.ask()
    assert world.followed == 0
    assert world.sent == []


async def test_who_never_came_back_is_not_waited_for(make) -> None:
    world = make()
    await world.turns()
    await world.to_the_end()
    assert world.sent == []


async def test_a_budget_that_is_spent_ends_it(make) -> None:
    world = make(usd=0.2)
    await world.turns(600.0, 600.0)
    world.now, world.cost = world.now + 600.0, 0.2
    await world.turns()
    await world.to_the_end()
    assert world.sent == []
    assert world.pings() == []


async def test_a_ping_that_fails_is_the_last(make) -> None:
    world = make()
    await world.turns(600.0, 600.0, 600.0)
    world.fails = True
    await world.to_the_end()
    assert len(world.sent) == 1
    assert world.gateway._pending.all() == []


@pytest.mark.parametrize("cache", ["", "cache.keep_alive = false"])
async def test_it_is_off_by_default(make, cache: str) -> None:
    world = make(cache)
    await world.turns(600.0, 600.0, 600.0)
    assert world.followed == 0


async def test_several_workers_do_not(make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(WORKERS, "2")
    world = make()
    await world.turns(600.0, 600.0, 600.0)
    assert world.followed == 0


@pytest.mark.parametrize(
    "fields",
    [
        {"thinking": {"type": "enabled", "budget_tokens": 1_024}},
        {"reasoning_effort": "high"},
        {"tools": []},
        {"litellm_session_id": None},
    ],
    ids=["thinking", "effort", "a side request", "no conversation"],
)
async def test_what_cannot_be_kept_for_one_token_is_not_followed(make, fields) -> None:
    world = make()
    await world.turns(600.0, 600.0, 600.0, **fields)
    assert world.followed == 0


def test_nothing_of_a_request_but_its_prompt_is_sent() -> None:
    body = {"messages": [1], "stream": True, "metadata": {"user": "x"}, "stop": ["y"]}
    assert prompt_of(Wire.CHAT, body) == {"messages": [1]}
    assert prompt_of(Wire.RESPONSES, body) is None


@pytest.mark.parametrize(
    ("answer", "asked"),
    [
        ({"stop_reason": "end_turn"}, True),
        ({"stop_reason": "tool_use"}, False),
        ({"choices": [{"finish_reason": "stop"}]}, True),
        ({"choices": [{"finish_reason": "tool_calls"}]}, False),
        ({"choices": []}, False),
        (None, False),
    ],
)
def test_an_answer_without_tool_calls_leaves_the_turn_to_the_user(
    answer, asked
) -> None:
    assert leaves_turn(answer) is asked


def test_the_hook_sends_by_the_proxys_own_router() -> None:
    assert Gateway()._alive._send is hook.send_by_proxy
