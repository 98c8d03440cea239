"""The hook alone: what is put aside comes back, wherever a request is cancelled."""

from __future__ import annotations

import asyncio
import time
import types
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from pathlib import Path
from typing import Any

import pytest


pytest.importorskip("fastapi", reason='needs the extra "gateway"')

from openhands_tiered_router.gateway import opening, pending, portability
from openhands_tiered_router.gateway.call import MODEL
from openhands_tiered_router.gateway.hook import Gateway
from openhands_tiered_router.gateway.routing import GatewayRouter, Route
from openhands_tiered_router.guards.budget.ledger import Balance, balance
from openhands_tiered_router.guards.budget.limits import NOTHING
from openhands_tiered_router.sdk.spending import Spending
from tests.waiting import PATIENCE


CONFIG = """
graph.enabled = false
[[tiers.simple.endpoints]]
model = "openai/gpt-4o-mini"
[[tiers.complex.endpoints]]
model = "openai/gpt-4o"
[[budgets]]
name = "day"
scope = "day"
usd = 1
"""
USED = {
    "model_group": f"{MODEL}/simple",
    "prompt_tokens": 100,
    "completion_tokens": 10,
    "response_cost": 0.25,
}


@pytest.fixture
async def gateway(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Gateway]:
    config = tmp_path / "tiered-router.toml"
    config.write_text(CONFIG, encoding="utf-8")
    monkeypatch.setenv("TIERED_ROUTER_CONFIG", str(config))
    monkeypatch.setenv("OPENAI_API_KEY", "sk-x")
    monkeypatch.setattr(opening, "replace_models", lambda *_: None)
    made = Gateway()
    yield made
    await made.close()


def request(call_id: str = "one") -> dict[str, Any]:
    return {
        "model": f"{MODEL}/simple",
        "messages": [{"role": "user", "content": "hi"}],
        "litellm_call_id": call_id,
    }


async def ask(gateway: Gateway, call_id: str = "one") -> dict[str, Any]:
    return await gateway.async_pre_call_hook(
        None, None, request(call_id), "acompletion"
    )


def spending_of(route: Route) -> Spending:
    assert isinstance(route.spending, Spending)
    return route.spending


def books_of(route: Route) -> Balance:
    account = spending_of(route).account
    assert account is not None
    key = account.budgets[0].key(None, route.began)
    assert key is not None
    return balance(account.store.read(key))


async def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, "it did not happen"
        await asyncio.sleep(0.01)


@types.coroutine
def cancelled_at(number: int, work: Awaitable[Any]) -> Generator[Any, Any, bool]:
    """Runs it up to its wait of that number, and cancels it there; whether there was
    such a wait."""
    steps = work.__await__()
    for _ in range(number):
        try:
            waits = steps.send(None)
        except StopIteration:
            return False
        yield waits
    try:
        steps.send(None)
        steps.throw(asyncio.CancelledError())
    except StopIteration:
        return False
    except asyncio.CancelledError:
        return True
    raise AssertionError("it went on although it was cancelled")


@pytest.fixture
def routes(monkeypatch: pytest.MonkeyPatch) -> list[Route]:
    """Those that set out, also if nobody heard of it."""
    made: list[Route] = []
    set_out = GatewayRouter.set_out

    def kept(self: GatewayRouter, call: Any) -> Route:
        route = set_out(self, call)
        assert books_of(route).open.usd > 0
        made.append(route)
        return route

    monkeypatch.setattr(GatewayRouter, "set_out", kept)
    return made


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("wait", [0, 1, 2])
async def test_a_request_that_is_cancelled_before_it_is_sent_leaves_nothing_put_aside(
    gateway: Gateway,
    routes: list[Route],
    monkeypatch: pytest.MonkeyPatch,
    wait: int,
    late: bool,
) -> None:
    """It waits for the configuration, or for a late one to be given up, then for the
    decision."""
    if late:
        await ask(gateway, "never told of")
        monkeypatch.setattr(pending, "MAX_SECONDS", 0.0)
    cancelled = await cancelled_at(wait, ask(gateway))
    assert cancelled is (wait < 2)
    sent = late + (not cancelled)
    await until(lambda: len(routes) >= sent + (wait == 1))
    await gateway.close()
    if routes:
        await until(lambda: books_of(routes[0]).open == NOTHING)
        # Only what may have been sent counts, and as estimated.
        estimate = spending_of(routes[0]).quotes()["simple"].spend.usd
        assert books_of(routes[0]).doubt == sent * estimate


async def test_the_configuration_is_read_once_however_many_wait_and_leave(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[object] = []
    monkeypatch.setattr(opening, "replace_models", lambda *_: read.append(1))
    leaves = asyncio.ensure_future(ask(gateway, "leaves"))
    stays = [asyncio.ensure_future(ask(gateway, str(n))) for n in range(8)]
    await asyncio.sleep(0)
    leaves.cancel()
    answers = await asyncio.gather(*stays)
    assert [a["model"] for a in answers] == [f"{MODEL}/simple"] * 8
    assert leaves.cancelled()
    assert len(read) == 1


@pytest.mark.own_fault
async def test_a_fault_after_the_decision_leaves_nothing_put_aside(
    gateway: Gateway, routes: list[Route], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(portability, "for_another", lambda *_: 1 // 0)
    assert (await ask(gateway))["model"] == f"{MODEL}/simple"  # LiteLLM knows it too
    assert books_of(routes[0]) == Balance(
        parts={}, spent=NOTHING, doubt=0, open=NOTHING, owners=()
    )


async def test_an_answer_is_booked_although_who_tells_of_it_is_cancelled(
    gateway: Gateway, routes: list[Route]
) -> None:
    await ask(gateway)
    told = {"litellm_call_id": "one", "standard_logging_object": USED}
    telling = gateway.async_log_success_event(told, None, None, None)
    assert await cancelled_at(0, telling)
    await until(lambda: books_of(routes[0]).open == NOTHING)
    assert books_of(routes[0]).spent.usd == 250_000_000


async def test_two_calls_of_one_id_are_both_settled(
    gateway: Gateway, routes: list[Route]
) -> None:
    await ask(gateway)
    await ask(gateway)
    await gateway.close()
    assert books_of(routes[0]).open == NOTHING
    estimate = spending_of(routes[0]).quotes()["simple"].spend.usd
    assert books_of(routes[0]).doubt == 2 * estimate


async def test_of_too_many_at_once_the_oldest_is_given_up(
    gateway: Gateway, routes: list[Route], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pending, "MAX_PENDING", 2)
    for name in ("a", "b", "c", "d"):
        await ask(gateway, name)
    assert len(books_of(routes[0]).owners) == 2
    assert [bool(route.attempts) for route in routes] == [True, True, False, False]
