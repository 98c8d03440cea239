"""Decisions for HTTP requests, without a proxy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from openhands_tiered_router.calls.fleet import fleet
from openhands_tiered_router.gateway import hook
from openhands_tiered_router.gateway.call import MODEL, GatewayCall, call_of
from openhands_tiered_router.gateway.clients import Client
from openhands_tiered_router.gateway.opening import open_router
from openhands_tiered_router.gateway.routing import GatewayRouter, Route
from openhands_tiered_router.guards.budget.guard import MaxBudgetReached
from openhands_tiered_router.guards.budget.ledger import balance
from openhands_tiered_router.guards.budget.limits import NOTHING
from openhands_tiered_router.policy.fleet import Health
from openhands_tiered_router.policy.outcome import ErrorKind, Usage
from openhands_tiered_router.policy.request import Purpose
from openhands_tiered_router.sdk.reload import reload_config
from openhands_tiered_router.sdk.spending import Spending
from openhands_tiered_router.tiers import Tier


CONFIG = """
[[tiers.simple.endpoints]]
model = "openai/gpt-4o-mini"
[[tiers.simple.endpoints]]
model = "openai/gpt-4.1-mini"
[[tiers.complex.endpoints]]
model = "openai/gpt-4o"
[graph]
enabled = false
"""
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "terminal",
            "description": "Your current working directory is: /srv/app",
        },
    }
]


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "tiered-router.toml"
    path.write_text(CONFIG, encoding="utf-8")
    monkeypatch.setenv("TIERED_ROUTER_CONFIG", str(path))
    return path


@pytest.fixture
def router(config: Path) -> GatewayRouter:
    return open_router({"OPENAI_API_KEY": "sk-x"}, workspaces="/srv")


def call(text: str = "hi", model: str = MODEL, **data: Any) -> GatewayCall:
    messages = [{"role": "user", "content": text}]
    found = call_of({"model": model, "messages": messages, **data}, "acompletion")
    assert found is not None
    return found


def answer(router: GatewayRouter, route: Route, **facts: Any) -> None:
    known = {
        "usage": Usage(prompt=100, completion=10),
        "cost": 0.01,
        "first_token": None,
        "response_id": None,
        **facts,
    }
    router.answered(route, route.order[0], **known)


def test_a_conversation_is_followed_by_its_id(router: GatewayRouter) -> None:
    route = router.set_out(call(tools=TOOLS, litellm_session_id="one"))
    answer(router, route)
    route = router.set_out(call(tools=TOOLS, litellm_session_id="one"))
    answer(router, route)
    record = fleet().session("one")
    assert record.workspace == "/srv/app"
    assert len(record.calls) == 2
    assert record.state.warm.keys() == {
        router._setup().endpoint(route.order[0]).cache_id
    }
    assert router.wrote(route, route.order[0])
    assert not router.wrote(
        route, "complex" if route.order[0] != "complex" else "simple"
    )


def test_a_title_that_is_asked_first_does_not_hide_the_tools(
    router: GatewayRouter,
) -> None:
    title = router.set_out(call(litellm_session_id="title", tools=[]))
    assert title.purpose is Purpose.SIDE
    answer(router, title)
    router.set_out(call(litellm_session_id="title", tools=TOOLS))
    record = fleet().session("title")
    assert record.tools_tokens
    assert record.workspace == "/srv/app"


def test_without_tools_it_is_a_step_of_a_chat_and_beside_an_agents(
    router: GatewayRouter,
) -> None:
    for _ in range(2):
        route = router.set_out(call(litellm_session_id="chat"))
        assert route.purpose is Purpose.TURN
        answer(router, route)
    assert fleet().session("chat").state.warm
    router.set_out(call(litellm_session_id="agent", tools=TOOLS))
    aside = router.set_out(call(litellm_session_id="agent"))
    assert aside.purpose is Purpose.SIDE
    assert aside.decision.tier is Tier.SIMPLE
    assert router.set_out(call()).purpose is Purpose.SINGLE


def test_a_sub_agent_spends_from_its_conversations_budget(config: Path) -> None:
    budget = '[[budgets]]\nname = "task"\nusd = 0.011\n'
    config.write_text(CONFIG + budget, encoding="utf-8")
    router = open_router({"OPENAI_API_KEY": "sk-x"}, workspaces=None)
    request = {"headers": {"x-claude-code-agent-id": "a1"}}
    sub = call(tools=TOOLS, litellm_session_id="parent", proxy_server_request=request)
    answer(router, router.set_out(sub), cost=0.011)
    assert not fleet().session("parent").calls
    with pytest.raises(MaxBudgetReached, match="task"):
        router.set_out(call(tools=TOOLS, litellm_session_id="parent"))
    router.set_out(call(tools=TOOLS, litellm_session_id="other"))


def test_a_history_that_another_process_added_to_is_not_its_own(
    router: GatewayRouter,
) -> None:
    asked = {"role": "user", "content": "hi"}
    answered = {"role": "assistant", "content": "ho"}

    def step(turns: int) -> bool:
        messages = [asked, *[answered, asked] * turns]
        route = router.set_out(
            call(model=f"{MODEL}/complex", tools=TOOLS, litellm_session_id="both",
                 messages=messages)
        )  # fmt: skip
        alone = router.wrote(route, "complex")
        answer(router, route)
        return alone

    assert [step(turns) for turns in (0, 1, 2)] == [False, True, True]
    # The answer of turn 3 came from another worker.
    assert [step(turns) for turns in (4, 5)] == [False, False]


def test_a_tier_that_is_asked_for_serves(router: GatewayRouter) -> None:
    route = router.set_out(call(model=f"{MODEL}/complex"))
    assert route.decision.tier is Tier.COMPLEX
    assert route.decision.pinned


def test_a_failed_endpoint_is_passed_over_and_comes_back_by_one_probe(
    router: GatewayRouter,
) -> None:
    first = router.set_out(call(model=f"{MODEL}/simple"))
    broken = first.order[0]
    for _ in range(2):  # LiteLLM tells of some twice
        router.failed(first, broken, ConnectionError())
    assert len(first.attempts) == 1
    router.gave_up(first)
    assert router.set_out(call(model=f"{MODEL}/simple")).order[0] != broken
    health = router._health(first, broken)
    now = first.began + 40  # past the cooldown
    assert health.breaker.health(now) is not Health.OPEN
    assert health.breaker.acquire(now)
    assert not health.breaker.acquire(now)


def test_a_client_that_leaves_frees_the_probe(
    router: GatewayRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = router.set_out(call(model=f"{MODEL}/complex"))
    router.failed(first, "complex", ConnectionError())
    later = first.began + 40
    monkeypatch.setattr(
        "openhands_tiered_router.gateway.routing.clock.now", lambda: later
    )
    probing = router.set_out(call(model=f"{MODEL}/complex"))
    assert not router._health(probing, "complex").breaker.acquire(later)
    router.gave_up(probing)
    assert router._health(probing, "complex").breaker.acquire(later)


def responses(
    model: str = MODEL, client: Client | None = None, **data: Any
) -> GatewayCall:
    found = call_of({"model": model, "input": "hi", **data}, "aresponses", client)
    assert found is not None
    return found


def test_who_keeps_the_history_goes_on(router: GatewayRouter) -> None:
    route = router.set_out(responses(f"{MODEL}/complex"))
    answer(router, route, response_id="resp_1")
    later = responses(previous_response_id="resp_1")
    assert router.set_out(later).order == ["complex"]


def test_another_worker_knows_whose_an_answer_is(config: Path) -> None:
    here, there = (open_router({"OPENAI_API_KEY": "sk-x"}, None) for _ in range(2))
    alice, bob = Client(name="alice"), Client(name="bob")
    route = here.set_out(responses(f"{MODEL}/complex", alice))
    answer(here, route, response_id="resp_1")

    def may_continue(client: Client | None, name: str = "resp_1") -> bool | None:
        return there.may_continue(responses(client=client, previous_response_id=name))

    assert may_continue(alice) is True
    assert may_continue(bob) is False
    assert may_continue(None) is False
    assert may_continue(alice, "resp_2") is None
    assert may_continue(alice, "\ud800" * 9_000) is None
    later = responses(client=alice, previous_response_id="resp_1")
    assert there.set_out(later).order == ["complex"]


async def test_an_answer_that_nobody_noted_is_no_clients(
    router: GatewayRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hook, "NOTED_SECONDS", 0.05)
    unknown: dict[str, Any] = {"previous_response_id": "resp_9"}
    assert await hook._may_continue(router, responses(**unknown))
    assert not await hook._may_continue(
        router, responses(client=Client(name="alice"), **unknown)
    )


def test_a_budget_that_is_spent_ends_the_call(config: Path) -> None:
    budget = '[[budgets]]\nname = "day"\nscope = "day"\nusd = 0.011\n'
    config.write_text(CONFIG + budget, encoding="utf-8")
    router = open_router({"OPENAI_API_KEY": "sk-x"}, workspaces=None)
    answer(router, router.set_out(call()), cost=0.011)
    with pytest.raises(MaxBudgetReached, match="day"):
        router.set_out(call())


@pytest.mark.parametrize("left", [True, False])
def test_what_a_client_left_under_way_counts_as_estimated(
    config: Path, left: bool
) -> None:
    budget = '[[budgets]]\nname = "day"\nscope = "day"\nusd = 1\n'
    config.write_text(CONFIG + budget, encoding="utf-8")
    router = open_router({"OPENAI_API_KEY": "sk-x"}, workspaces=None)
    route = router.set_out(call(model=f"{MODEL}/simple"))
    router.failed(route, route.order[0], ConnectionError())
    router.gave_up(route, left=left)
    assert isinstance(route.spending, Spending)
    account = route.spending.account
    assert account is not None
    key = account.budgets[0].key(None, route.began)
    assert key is not None
    books = balance(account.store.read(key))
    assert books.open == NOTHING
    estimate = account.quotes[route.order[1]].spend.usd
    assert books.doubt == books.spent.usd == (estimate if left else 0)
    kinds = [attempt.error for attempt in route.attempts]
    assert (ErrorKind.CANCELLED in kinds) is left


@pytest.mark.own_fault
def test_its_own_fault_goes_to_the_default_tier(
    router: GatewayRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = call(tools=TOOLS)
    monkeypatch.setattr(GatewayCall, "tools_tokens", lambda _: 1 // 0)
    route = router.set_out(broken)
    assert route.decision.tier is Tier.COMPLEX
    assert route.decision.policy == "fallback"


@pytest.mark.parametrize(
    ("workspaces", "said", "used"),
    [
        ("/srv", "/srv/app", "/srv/app"),
        ("/srv", "/srv/../etc", None),
        ("/srv", "/srvother", None),
        ("/", "/anything", "/anything"),
        (None, "/srv/app", None),
    ],
)
def test_only_what_is_allowed_is_read(
    config: Path, workspaces: str | None, said: str, used: str | None
) -> None:
    router = open_router({"OPENAI_API_KEY": "sk-x"}, workspaces=workspaces)
    assert router._allowed(said) == used


def test_a_request_ends_on_the_configuration_that_it_came_under(
    config: Path, router: GatewayRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-x")
    before = router.set_out(call(model=f"{MODEL}/simple"))
    config.write_text(
        'graph.enabled = false\n[[tiers.complex.endpoints]]\nmodel = "openai/gpt-4o"\n',
        encoding="utf-8",
    )
    reload_config(config)
    after = router.set_out(call(model=f"{MODEL}/simple"))
    assert (before.decision.tier, after.decision.tier) == (Tier.SIMPLE, Tier.COMPLEX)
    answer(router, before)  # by an endpoint that is gone
    answer(router, after)
