"""Condensers, copies and stored forms follow the agent's model."""

from __future__ import annotations

import pytest
from openhands.sdk.context.condenser import LLMSummarizingCondenser
from openhands.sdk.llm import LLM

from openhands_tiered_router import ComplexityRouter


def test_the_condenser_follows_a_switch(world, llm) -> None:
    model = llm()
    condenser = LLMSummarizingCondenser(
        llm=model.model_copy(update={"usage_id": "condenser"})
    )
    conversation = world.conversation(world.agent(model, condenser=condenser))
    conversation.send_message("Look around.")
    conversation.run()
    conversation.switch_llm(world.llm("openai/gpt-4.1", usage_id="new"))
    used = conversation.agent.condenser
    assert isinstance(used, LLMSummarizingCondenser)
    assert type(used.llm) is LLM
    assert used.llm.model == "openai/gpt-4.1"
    assert used.llm.usage_id == "condenser"


def test_what_a_condenser_spends_after_a_switch_is_in_its_own_books(world, llm) -> None:
    """The SDK counts the first model under a usage id, and the condenser's new one has
    the old one's. When it counts both, take this out of docs/sdk.md."""
    model = llm()
    condenser = LLMSummarizingCondenser(
        llm=model.model_copy(update={"usage_id": "condenser"}), max_size=10
    )
    conversation = world.conversation(world.agent(model, condenser=condenser))
    conversation.send_message("Look around.")
    conversation.run()
    conversation.switch_llm(world.llm("openai/gpt-4.1", usage_id="new"))
    for _ in range(4):
        conversation.send_message("Go on.")
        conversation.run()
    used = conversation.agent.condenser
    assert isinstance(used, LLMSummarizingCondenser)
    own = used.llm.metrics.accumulated_cost
    assert own > 0
    assert world.spent(conversation) + own == pytest.approx(world.provider.total_usd)


def test_a_condenser_of_its_own_stays(world, llm) -> None:
    own = world.llm("openai/gpt-4.1-nano", usage_id="condenser")
    condenser = LLMSummarizingCondenser(llm=own)
    conversation = world.conversation(world.agent(llm(), condenser=condenser))
    conversation.send_message("Look around.")
    conversation.switch_llm(world.llm("openai/gpt-4.1", usage_id="new"))
    used = conversation.agent.condenser
    assert isinstance(used, LLMSummarizingCondenser)
    assert used.llm.model == "openai/gpt-4.1-nano"


def test_a_plain_models_condenser_follows_to_a_router(world) -> None:
    plain = world.llm("openai/gpt-4o-mini", usage_id="agent")
    condenser = LLMSummarizingCondenser(
        llm=plain.model_copy(update={"usage_id": "condenser"})
    )
    conversation = world.conversation(world.agent(plain, condenser=condenser))
    conversation.send_message("Look around.")
    conversation.switch_llm(world.router(usage_id="routed"))
    used = conversation.agent.condenser
    assert isinstance(used, LLMSummarizingCondenser)
    assert isinstance(used.llm, ComplexityRouter)
    assert {t.usage_id for t in used.llm.llms_for_routing.values()} == {
        f"condenser:{key}" for key in world.models
    }
