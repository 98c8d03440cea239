"""A client of an agent-server finds its model by the usage id that the server names."""

from __future__ import annotations

from pathlib import Path

from openhands.sdk.conversation.impl.remote_conversation import RemoteConversation
from openhands.sdk.event import LLMCompletionLogEvent

from openhands_tiered_router import RoutedAgent


def test_completion_logs_arrive(world, llm, tmp_path: Path) -> None:
    fields = {"log_completions": True, "log_completions_folder": str(tmp_path)}
    model = llm(**fields)
    conversation = object.__new__(RemoteConversation)
    conversation.agent = world.agent(model)
    callback = conversation._create_llm_completion_log_callback()
    for usage_id in ("agent", *[m.usage_id for m in conversation.agent.get_all_llms()]):
        name = f"{usage_id.replace(':', '-')}.json"
        callback(
            LLMCompletionLogEvent(
                filename=name, log_data="{}", model_name="m", usage_id=usage_id
            )
        )
        assert (tmp_path / name).read_text() == "{}"


def test_a_sent_agent_comes_back_whole(world) -> None:
    agent = world.agent(world.router(usage_id="agent"), RoutedAgent)
    sent = agent.model_dump(mode="json", context={"expose_secrets": True})
    arrived = RoutedAgent.model_validate(sent)
    ids = [llm.usage_id for llm in agent.get_all_llms()]
    assert [llm.usage_id for llm in arrived.get_all_llms()] == ids
