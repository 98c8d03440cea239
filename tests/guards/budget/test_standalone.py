"""``BudgetGuard`` beside a plain ``LLM``."""

from __future__ import annotations

from pathlib import Path

from openhands.sdk.conversation.state import ConversationExecutionStatus as Status

from openhands_tiered_router.guards.budget.standalone import BudgetGuard
from openhands_tiered_router.guards.pausing import notice_of, pause_reasons
from openhands_tiered_router.loopback.scripts import by_turn
from tests.routed.conftest import World


def talk(world: World, guard: BudgetGuard, model="openai/gpt-4o-mini", **fields):
    steps = [world.terminal(f"echo {n}") for n in range(6)]
    world.provider.script = by_turn([*steps, world.finish()])
    agent = world.agent(world.llm(model, usage_id="plain"))
    conversation = world.conversation(agent, callbacks=[guard], **fields)
    conversation.send_message("Count.")
    return conversation


def test_it_tells_pauses_and_goes_on(world, tmp_path: Path) -> None:
    kept = {"persistence_dir": str(tmp_path / "kept"), "delete_on_close": False}
    conversation = talk(world, BudgetGuard(turns=4, soft=0.5), **kept)
    conversation.run()
    assert conversation.state.execution_status is Status.PAUSED
    told = [n.reason for e in conversation.state.events if (n := notice_of(e))]
    assert len(told) == 1
    assert "is more than 50% used: 2 turns of 4 turns." in told[0]
    (held,) = pause_reasons(conversation.state)
    assert "4 turns of 4 turns" in held.reason
    assert "raise turns of BudgetGuard and run again" in held.reason
    assert len(world.provider.charged) == 4
    conversation.close()

    resumed = world.conversation(
        world.agent(world.llm("openai/gpt-4o-mini", usage_id="plain")),
        callbacks=[BudgetGuard(turns=4)],
        conversation_id=conversation.id,
        **kept,
    )
    resumed.run()  # nothing can refuse the call, but it is the only one
    assert resumed.state.execution_status is Status.PAUSED
    assert len(world.provider.charged) == 5
    resumed.close()
    resumed = world.conversation(
        world.agent(world.llm("openai/gpt-4o-mini", usage_id="plain")),
        callbacks=[BudgetGuard(turns=9)],
        conversation_id=conversation.id,
        **kept,
    )
    resumed.run()
    assert resumed.state.execution_status is Status.FINISHED
    assert len(world.provider.charged) == 7


def test_money_and_missing_prices(world) -> None:
    conversation = talk(world, BudgetGuard(usd=0.0002))
    conversation.run()
    assert "of $0.0002" in pause_reasons(conversation.state)[0].reason
    spent = world.provider.total_usd
    assert spent >= 0.0002
    dearest = max(charge.usd for charge in world.provider.charged)
    assert spent < 0.0002 + dearest
    unknown = talk(world, BudgetGuard(usd=1.0), model="openai/nobody-knows")
    unknown.run()
    assert "no price is known for the model" in pause_reasons(unknown.state)[0].reason
