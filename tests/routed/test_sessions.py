"""What a router remembers of a conversation, and what survives it."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from litellm.types.utils import ModelResponse
from openhands.sdk import Tool
from openhands.sdk.context.condenser import LLMSummarizingCondenser
from openhands.sdk.conversation.state import ConversationExecutionStatus
from openhands.sdk.llm import (
    LLM,
    ImageContent,
    LLMResponse,
    Message,
    MessageToolCall,
    TextContent,
)
from openhands.sdk.llm.call_context import LLMCallContext
from openhands.tools.file_editor import FileEditorTool

from openhands_tiered_router import ComplexityRouter, RoutedAgent, routed_conversation
from openhands_tiered_router.calls.fleet import fleet
from openhands_tiered_router.conversation import routed_agent
from openhands_tiered_router.loopback import Reply, Request, faults, fingerprint
from openhands_tiered_router.record.telemetry.query import TelemetryFile


RESUME = """
import os, sys, json
from uuid import UUID
from openhands.sdk.conversation import get_agent_final_response
from openhands_tiered_router import ComplexityRouter, routed_conversation

config, workspace, kept, conversation_id = sys.argv[1:]
router = ComplexityRouter.from_config(config)
conversation = routed_conversation(
    router, workspace, persistence_dir=kept, conversation_id=UUID(conversation_id),
    visualizer=None, delete_on_close=False)
conversation.send_message("Go on.")
conversation.run()
print(json.dumps({
    "cost": conversation.conversation_stats.get_combined_metrics().accumulated_cost,
    "calls": len(router.calls(conversation.id)),
}))
"""


def config_file(world, directory: Path) -> Path:
    path = directory / "router.json"
    tiers = {}
    for key, model in world.models.items():
        chat = "" if model.startswith("anthropic/") else "/v1"
        tiers[key] = {
            "endpoints": [
                {
                    "model": model,
                    "base_url": world.provider.base_url + chat,
                    "api_key_env": "LOOPBACK_KEY",
                }
            ]
        }
    path.write_text(json.dumps({"tiers": tiers}))
    return path


def endless(world):
    def script(request: Request) -> Reply:
        if not request.tools:
            return Reply(text="A title.")
        return world.finish() if request.turn % 3 == 2 else world.terminal("ls")

    return script


@pytest.mark.slow
def test_resume_in_a_new_process(world, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("LOOPBACK_KEY", "sk-loopback")
    world.provider.script = endless(world)
    config, kept, conversation_id = (
        config_file(world, tmp_path),
        tmp_path / "c",
        uuid4(),
    )
    router = ComplexityRouter.from_config(config)
    conversation = routed_conversation(
        router,
        world.workspace,
        persistence_dir=kept,
        conversation_id=conversation_id,
        visualizer=None,
        delete_on_close=False,
    )
    conversation.send_message("Look around.")
    conversation.run()
    assert world.spent(conversation) == pytest.approx(world.provider.total_usd)
    conversation.close()
    result = subprocess.run(
        [
            sys.executable,
            "-c",
            RESUME,
            config,
            world.workspace,
            kept,
            str(conversation_id),
        ],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "LOG_LEVEL": "ERROR"},
    )
    told = json.loads(result.stdout.splitlines()[-1])
    assert told["calls"] >= 1
    assert told["cost"] == pytest.approx(world.provider.total_usd, rel=1e-12)
    assert "sk-loopback" not in "".join(
        path.read_text(errors="replace") for path in kept.rglob("*.json")
    )


def test_resume_of_a_routed_agent_without_giving_one(world, tmp_path: Path) -> None:
    """What the agent-server does; the models' keys come from a cipher or the config."""
    world.provider.script = endless(world)
    agent = world.agent(world.router(), RoutedAgent)
    conversation = world.conversation(
        agent, persistence_dir=tmp_path, delete_on_close=False
    )
    conversation.send_message("Look around.")
    conversation.run()
    stored = json.loads(next(tmp_path.rglob("base_state.json")).read_text())
    restored = RoutedAgent.model_validate(stored["agent"])
    assert type(restored.llm) is ComplexityRouter
    ids = [llm.usage_id for llm in restored.llm.llms_for_routing.values()]
    assert ids == [f"default:{key}" for key in world.models]
    assert restored.llm.settings == conversation.agent.llm.settings


def test_a_stored_router_finds_its_keys_again(
    world, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setenv("LOOPBACK_KEY", "sk-loopback")
    router = ComplexityRouter.from_config(config_file(world, tmp_path))
    stored = world.agent(router, RoutedAgent).model_dump(mode="json")
    assert "sk-loopback" not in json.dumps(stored)
    restored = RoutedAgent.model_validate(stored)
    conversation = world.conversation(restored)
    world.provider.script = endless(world)
    conversation.send_message("Look around.")
    conversation.run()
    sent = {
        r.headers.get("authorization") or r.headers.get("x-api-key")
        for r in world.provider.requests
    }
    assert {fingerprint("sk-loopback")} == {key.split()[-1] for key in sent if key}
    assert world.spent(conversation) == pytest.approx(world.provider.total_usd)


def test_the_condenser_of_a_stored_agent_is_routed_again(world) -> None:
    stored = routed_agent(world.router()).model_dump(
        mode="json", context={"expose_secrets": True}
    )
    restored = RoutedAgent.model_validate(stored)
    condenser = restored.condenser
    assert isinstance(condenser, LLMSummarizingCondenser)
    assert type(condenser.llm) is ComplexityRouter
    ids = {llm.usage_id for llm in restored.get_all_llms()}
    expected = {"default", "default:condenser"}
    expected |= {f"default:{key}" for key in world.models}
    assert ids == expected | {f"default:condenser:{key}" for key in world.models}
    plain = world.agent(world.llm("openai/gpt-4o"), RoutedAgent)
    again = RoutedAgent.model_validate(plain.model_dump(mode="json"))
    assert type(again.llm) is LLM


async def test_interrupt_pauses_and_the_next_run_goes_on(world) -> None:
    world.provider.script = endless(world)
    router = world.router()
    conversation = world.conversation(world.agent(router))
    conversation.send_message("Look around.")
    world.provider.faults.at(2, faults.Hang())
    running = asyncio.create_task(conversation.arun())
    while len(world.provider.requests) < 2:
        await asyncio.sleep(0.02)
    conversation.interrupt()
    await running
    assert conversation.state.execution_status is ConversationExecutionStatus.PAUSED
    await conversation.arun()
    assert conversation.state.execution_status is ConversationExecutionStatus.FINISHED
    assert world.spent(conversation) == pytest.approx(world.provider.total_usd)
    cancelled = [c for c in router.calls(conversation.id) if c.outcome.endpoint is None]
    assert len(cancelled) == 1


def test_condensation_keeps_turn_count_and_pin(world) -> None:
    replies = iter([world.terminal(f"echo {i}") for i in range(10)])

    def script(request: Request) -> Reply:
        if not request.tools:
            return Reply(text="A summary.")
        return next(replies, None) or world.finish()

    world.provider.script = script
    router = world.router()
    condenser = LLMSummarizingCondenser(
        llm=router.model_copy(update={"usage_id": "condenser"}),
        max_size=8,
        keep_first=1,
    )
    conversation = world.conversation(world.agent(router, condenser=condenser))
    conversation.send_message("Count. [tier: medium]")
    conversation.run()
    turns = [c for c in router.calls(conversation.id) if c.purpose == "turn"]
    assert [call.turn for call in turns] == list(range(11))
    assert {str(call.tier) for call in turns} == {"medium"}


def test_the_workspace_is_found_without_being_told(world) -> None:
    router = world.router()
    tools = [Tool(name="terminal"), Tool(name=FileEditorTool.name)]
    conversation = world.conversation(world.agent(router, tools=tools))
    conversation.send_message("Look around.")
    conversation.run()
    record = fleet().session(str(conversation.id))
    assert record.workspace == str(world.workspace)


def test_decisions_and_tool_results_are_on_record(world) -> None:
    router = world.router()
    conversation = world.conversation(world.agent(router), callbacks=router.callbacks())
    conversation.send_message("Look around.")
    conversation.run()
    recorder = router._ready().recorder
    assert recorder.path
    assert recorder.flush(60)
    turns = list(TelemetryFile(recorder.path).turns(str(conversation.id)))
    tiers = [str(turn.decision.tier) for turn in turns if turn.decision]
    assert tiers == world.tiers(router, conversation)
    codes = [[tool.exit_code for tool in turn.tools] for turn in turns]
    assert codes == [[0], [0], [1], [0], [None]]
    failed = [tool.failed for turn in turns for tool in turn.tools]
    assert failed == [False, False, True, False, False]


class Canned(LLM):
    def generate(self, *_: object, **__: object) -> LLMResponse:
        return LLMResponse(
            message=Message(role="assistant", content=[TextContent(text="Done.")]),
            metrics=self.metrics.get_snapshot(),
            raw_response=ModelResponse(),
        )


TEXT = st.text(max_size=40)
CALLS = st.builds(
    MessageToolCall,
    id=st.text(max_size=8),
    name=st.sampled_from(["terminal", "file_editor", "grep", "", "x"]),
    arguments=st.one_of(TEXT, st.just('{"command": "ls"}'), st.just("[1")),
    origin=st.just("completion"),
)
MESSAGES = st.builds(
    Message,
    role=st.sampled_from(["system", "user", "assistant", "tool"]),
    content=st.lists(
        st.one_of(
            st.builds(TextContent, text=TEXT),
            st.builds(ImageContent, image_urls=st.lists(TEXT, max_size=2)),
        ),
        max_size=3,
    ),
    tool_calls=st.none() | st.lists(CALLS, max_size=3),
    tool_call_id=st.none() | st.text(max_size=8),
    name=st.none() | st.just("terminal"),
)


@pytest.mark.slow
@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(history=st.lists(st.lists(MESSAGES, max_size=6), min_size=1, max_size=3))
def test_no_history_makes_the_router_fail(world, history, caplog) -> None:
    """Any messages in any order, each call with another history: no own fault."""
    caplog.clear()
    router = ComplexityRouter(
        llms_for_routing={k: Canned(model=m) for k, m in world.models.items()}
    )
    context = LLMCallContext(session_id=uuid4().hex)
    for messages in history:
        router.generate(messages, call_context=context)
    calls = fleet().calls(context.session_id or "")
    assert len(calls) == len(history)
    assert all(call.decision.policy != "fallback" for call in calls)
    assert [r for r in caplog.records if r.levelname == "ERROR"] == []
