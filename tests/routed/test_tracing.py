"""Decisions in traces: one span each, and nothing where tracing is off."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from openhands_tiered_router.loopback.scripts import by_turn


SECRET = "hunter2-in-the-prompt"
PROGRAM = """
import json, sys
from lmnr import Laminar
from lmnr.opentelemetry_lib.tracing import TracerWrapper
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

Laminar.initialize(
    project_api_key="none", base_url="http://127.0.0.1:9", instruments=set()
)
memory = InMemorySpanExporter()
provider = TracerWrapper.instance._tracer_provider
provider.add_span_processor(SimpleSpanProcessor(memory))

from openhands.sdk.llm import LLM
from openhands_tiered_router import ComplexityRouter, routed_conversation

base, workspace, task = sys.argv[1:]
llms = {
    key: LLM(model=f"openai/{model}", base_url=base + "/v1", api_key="sk-loopback")
    for key, model in {"simple": "gpt-4o-mini", "complex": "gpt-4o"}.items()
}
conversation = routed_conversation(
    ComplexityRouter(llms_for_routing=llms), workspace, visualizer=None
)
conversation.send_message(task)
conversation.run()
conversation.close()
spans = memory.get_finished_spans()
names = {s.context.span_id: s.name for s in spans}
print(json.dumps([
    [s.name, names.get(s.parent.span_id) if s.parent else None, dict(s.attributes)]
    for s in spans
    if s.name.startswith(("router", "llm"))
]))
"""


@pytest.mark.slow
def test_each_decision_is_a_span_beside_its_call(world, tmp_path: Path) -> None:
    world.provider.script = by_turn([world.terminal("ls"), world.finish()])
    task = f"Look around. {SECRET}"
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, world.provider.base_url, tmp_path, task],
        capture_output=True,
        text=True,
        check=True,
    )
    spans = json.loads(done.stdout.splitlines()[-1])
    models = [f"llm.openai/{s[2].get('gen_ai.request.model')}" for s in spans[::2]]
    names = [name for name, _, _ in spans]
    assert names == ["router.select", models[0], "router.select", models[1]]
    assert models[0] == "llm.openai/gpt-4o"
    parents = {parent for _, parent, _ in spans}
    assert len(parents) == 1  # the SDK's own for the step
    chosen = spans[0][2]
    assert chosen["tiered_router.tier"] == "complex"
    assert chosen["tiered_router.endpoint"] == "complex"
    assert chosen["tiered_router.purpose"] == "turn"
    assert chosen["tiered_router.prompt_tokens"] > 1_000
    assert "next_turn" in chosen["tiered_router.reasons"]
    assert len(chosen["gen_ai.conversation.id"]) == 36
    ours = [found for name, _, found in spans if name == "router.select"]
    assert SECRET not in json.dumps(ours)
    assert "sk-loopback" not in json.dumps(ours)


@pytest.mark.slow
def test_without_tracing_nothing_of_it_is_imported(world) -> None:
    code = (
        "import sys; from openhands_tiered_router.sdk.tracing import in_span;"
        "assert in_span(lambda: 1, None, None) == 1; print('lmnr' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "False"
