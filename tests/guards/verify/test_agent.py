"""Whole conversations: real tools, git and tests; only the models are scripted."""

from __future__ import annotations

from openhands.sdk.conversation.state import ConversationExecutionStatus as Status
from openhands.sdk.event import Event, MessageEvent

from openhands_tiered_router.guards.verify.memory import Status as End, verification_of
from tests.guards.verify.conftest import RIGHT, WRONG, Shop


def sent_back(events: list[Event]) -> list[str]:
    messages = [e for e in events if isinstance(e, MessageEvent)]
    return [
        m.llm_message.content[0].text
        for m in messages
        if m.source == "environment"
    ]


def test_the_next_tier_repairs_what_the_verifier_rejects(shop: Shop) -> None:
    shop.script([WRONG], [RIGHT])
    router = shop.router(rounds=1)
    conversation = shop.conversation(router)
    conversation.send_message("The total is one too high. Correct it.")
    conversation.run()
    verification = verification_of(conversation.state)
    assert verification is not None
    assert (verification.status, verification.reason) == (End.VERIFIED, "passed")
    assert conversation.state.execution_status is Status.FINISHED
    tiers = shop.world.tiers(router, conversation)
    assert tiers == ["simple", "simple", "complex", "complex"]
    (said,) = sent_back(list(conversation.state.events))
    assert "test_receipt" in said
    assert "ValueError" in said
