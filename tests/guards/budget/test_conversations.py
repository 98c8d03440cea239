"""Limits, in conversations with real tools over the loopback provider."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest
from openhands.sdk import LocalConversation
from openhands.sdk.conversation.exceptions import ConversationRunError
from openhands.sdk.conversation.state import ConversationExecutionStatus as Status

from openhands_tiered_router.calls.settings import StateSettings
from openhands_tiered_router.guards.budget.guard import MaxBudgetReached
from openhands_tiered_router.guards.budget.limits import Budget, Scope
from openhands_tiered_router.guards.pausing import notice_of, pause_reasons
from openhands_tiered_router.loopback.scripts import by_turn
from tests.guards.budget.conftest import books, routed, usd
from tests.routed.conftest import World


def talk(world: World, router, **fields) -> LocalConversation:
    conversation = world.conversation(
        world.agent(router), callbacks=router.callbacks(), **fields
    )
    conversation.send_message("Count.")
    return conversation


async def go(conversation: LocalConversation, is_async: bool) -> None:
    if is_async:
        await conversation.arun()
    else:
        await asyncio.to_thread(conversation.run)


def counting(world: World, turns: int) -> None:
    steps = [world.terminal(f"echo {n}") for n in range(turns)]
    world.provider.script = by_turn([*steps, world.finish()])


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("backend", ["memory", "sqlite"])
async def test_degrade_pause_raise_finish(world, is_async: bool, backend) -> None:
    counting(world, 5)
    budget = Budget(name="b", turns=4, soft=0.5)
    router = routed(world, budget, state=StateSettings(backend=backend))
    conversation = talk(world, router)
    await go(conversation, is_async)
    assert conversation.state.execution_status is Status.PAUSED
    assert world.tiers(router, conversation) == ["complex", "complex"] + 2 * ["medium"]
    told = [n.reason for e in conversation.state.events if (n := notice_of(e))]
    assert len(told) == 1
    assert "No tier above medium" in told[0]
    (held,) = pause_reasons(conversation.state)
    assert "4 turns of 4 turns" in held.reason
    assert "complex turn $" in held.reason
    with pytest.raises(ConversationRunError, match="is used up"):
        await go(conversation, is_async)
    assert len(world.provider.charged) == 4

    router.raise_budget("b", turns=10)
    await go(conversation, is_async)
    assert conversation.state.execution_status is Status.FINISHED
    assert world.spent(conversation) == pytest.approx(world.provider.total_usd)
    results = [e for e in conversation.state.events if hasattr(e, "observation")]
    assert len(results) == 6  # five commands and the end: nothing lost, none twice


async def test_the_ledger_equals_the_provider_bill(world) -> None:
    budget = Budget(name="b", usd=5.0)
    conversation = talk(world, routed(world, budget))
    await conversation.arun()
    now = books(budget, conversation.id)
    assert world.provider.total_usd > 0
    assert usd(now.spent.usd) == pytest.approx(world.provider.total_usd, abs=1e-8)
    assert now.open.usd == now.doubt == 0
    assert now.spent.turns == len(world.provider.charged) == 5


@pytest.mark.slow
def test_money_limits_stop_before_they_are_passed(world) -> None:
    counting(world, 30)
    budget = Budget(name="b", usd=0.015)
    router = routed(world, budget)
    conversation = talk(world, router)
    conversation.run()
    assert conversation.state.execution_status is Status.PAUSED
    assert 0.8 * 0.015 < world.provider.total_usd <= 0.015
    reason = pause_reasons(conversation.state)[0].reason
    assert "has no room for the next call" in reason
    assert 'raise usd in [[budgets]] "b"' in reason


def test_an_endpoint_too_dear_for_what_is_left_does_not_serve(world) -> None:
    budget = Budget(name="b", usd=0.01)
    router = routed(world, budget, default_tier="reasoning")
    conversation = talk(world, router)
    conversation.run()
    assert {str(c.tier) for c in router.calls(conversation.id)} < {"simple", "medium"}
    assert world.provider.total_usd <= 0.01


def test_the_price_of_one_call_is_limited(world) -> None:
    router = routed(world, Budget(name="b", scope=Scope.CALL, usd=0.008))
    conversation = talk(world, router)
    conversation.run()
    assert conversation.state.execution_status is Status.FINISHED
    assert set(world.tiers(router, conversation)) == {"simple"}
    assert max(charge.usd for charge in world.provider.charged) < 0.008


def test_a_call_dearer_than_any_endpoint_is_refused(world) -> None:
    router = routed(world, Budget(name="b", scope=Scope.CALL, usd=1e-6))
    conversation = talk(world, router)
    with pytest.raises(ConversationRunError, match=r"allows \$1e-06; .*cheapest"):
        conversation.run()
    assert not world.provider.requests


def test_endpoints_without_a_price_are_left_out_or_refused(world) -> None:
    models = {"simple": "openai/gpt-4o-mini", "complex": "openai/nobody-knows"}
    router = routed(world, Budget(name="b", usd=1.0), models=models)
    conversation = talk(world, router)
    conversation.run()
    assert set(world.tiers(router, conversation)) == {"simple"}

    models = {"complex": "openai/nobody-knows"}
    strict = routed(world, Budget(name="c", usd=1.0), models=models)
    with pytest.raises(ConversationRunError, match="allow_unpriced = true"):
        talk(world, strict).run()
    lenient = Budget(name="d", usd=1.0, tokens=10**6, allow_unpriced=True)
    conversation = talk(world, routed(world, lenient, models=models))
    conversation.run()
    assert conversation.state.execution_status is Status.FINISHED
    assert books(lenient, conversation.id).spent.tokens > 1000


def test_a_budget_holds_over_a_restart(world, tmp_path: Path) -> None:
    counting(world, 5)
    budget = Budget(name="b", turns=3)
    kept = {"persistence_dir": str(tmp_path / "kept"), "delete_on_close": False}
    first = talk(world, routed(world, budget), **kept)
    first.run()
    first.close()
    again = routed(world, budget)
    resumed = world.conversation(
        world.agent(again),
        callbacks=again.callbacks(),
        conversation_id=first.id,
        **kept,
    )
    assert "3 turns of 3" in pause_reasons(resumed.state)[0].reason
    with pytest.raises(ConversationRunError) as raised:
        resumed.run()
    assert isinstance(raised.value.original_exception, MaxBudgetReached)
    more = routed(world, Budget(name="b", turns=30))
    resumed.close()
    resumed = world.conversation(
        world.agent(more), callbacks=more.callbacks(), conversation_id=first.id, **kept
    )
    resumed.run()
    assert resumed.state.execution_status is Status.FINISHED
    assert books(budget, first.id).spent.turns == len(world.provider.charged) == 6


def test_refusals_and_pauses_are_on_record(world, tmp_path: Path) -> None:
    counting(world, 5)
    router = routed(world, Budget(name="b", turns=2))
    conversation = talk(world, router)
    conversation.run()
    with pytest.raises(ConversationRunError):
        conversation.run()
    recorder = router._ready().recorder
    assert recorder.flush(60)
    assert recorder.path is not None
    rows = sqlite3.connect(recorder.path).execute(
        "SELECT guard, kind FROM guard_events WHERE guard = 'budget' ORDER BY rowid"
    )
    assert rows.fetchall() == [
        ("budget", "soft_limit"),
        ("budget", "held"),
        ("budget", "refused"),
    ]
