"""Traps of the SDK that no other test names; the list is in docs/sdk.md."""

from __future__ import annotations

from pathlib import Path

import pytest
from openhands.sdk import Agent
from openhands.sdk.llm import LLM

from openhands_tiered_router import ComplexityRouter, RoutedAgent, routed_conversation


class Special(LLM):
    """A tier of a class that the SDK's accounting passes by."""


def test_a_routed_agent_survives_a_switch_to_a_plain_model(
    world, tmp_path: Path
) -> None:
    agent = world.agent(world.router(), RoutedAgent)
    conversation = world.conversation(agent, persistence_dir=tmp_path)
    conversation.send_message("Look around.")
    plain = world.llm("openai/gpt-4o", usage_id="plain")
    conversation.switch_llm(plain)
    restored = RoutedAgent.model_validate(
        conversation.agent.model_dump(mode="json", context={"expose_secrets": True})
    )
    assert type(restored.llm) is LLM
    conversation.run()
    assert {r.model for r in world.provider.requests} == {"gpt-4o"}


def test_resuming_with_another_agent_kind_is_refused_by_the_sdk(
    world, tmp_path: Path
) -> None:
    first = world.conversation(
        world.agent(world.router()), persistence_dir=tmp_path, delete_on_close=False
    )
    first.send_message("Look around.")
    first.run()
    with pytest.raises(ValueError, match="RoutedAgent"):
        world.conversation(
            world.agent(world.router(), RoutedAgent),
            persistence_dir=tmp_path,
            conversation_id=first.id,
        )


def test_a_tier_that_the_sdk_will_not_account_is_warned_about(
    world, caplog: pytest.LogCaptureFixture
) -> None:
    ComplexityRouter(llms_for_routing={"simple": Special(model="openai/gpt-4o")})
    assert "Special" in caplog.text
    assert "will not count its cost" in caplog.text


def test_headless_agents_have_no_switch_llm_tool(world) -> None:
    conversation = routed_conversation(world.router(), world.workspace, visualizer=None)
    world.conversations.append(conversation)
    conversation.send_message("Look around.")
    assert isinstance(conversation.agent, Agent)
    assert "switch_llm" not in conversation.agent.tools_map
