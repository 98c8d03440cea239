"""Results that were shortened at arrival: stored so, and sent so ever after."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from openhands.sdk import LocalConversation, Tool
from openhands.sdk.context.condenser import NoOpCondenser, PipelineCondenser
from openhands.sdk.event import ObservationEvent
from openhands.tools.terminal import TerminalTool

from openhands_tiered_router import ColdCacheCondenser, ComplexityRouter, RoutedAgent
from openhands_tiered_router.loopback.scripts import by_turn
from openhands_tiered_router.settings import RouterSettings
from openhands_tiered_router.tokens.settings import TokenSettings


CODE = "\n".join(f"def step_{i}(value):\n    return value + {i}\n" for i in range(40))
PASSED = "\n".join(f"tests/a.py::test_{i} PASSED" for i in range(60))


def router(world, *, on: bool = True) -> ComplexityRouter:
    tokens = TokenSettings() if on else TokenSettings(filter=False)
    return world.router(settings=RouterSettings(dispatch=world.quick, tokens=tokens))


def conversation(
    world, llm: ComplexityRouter, condenser: Any = None, **fields: Any
) -> LocalConversation:
    terminal = Tool(name=TerminalTool.name, params={"terminal_type": "subprocess"})
    agent = world.agent(llm, RoutedAgent, tools=[terminal], condenser=condenser)
    return world.conversation(agent, **fields)


def run(world, commands: list[str], llm: ComplexityRouter, **fields: Any):
    world.provider.script = by_turn([*map(world.terminal, commands), world.finish()])
    made = conversation(world, llm, **fields)
    made.send_message("Look around.")
    made.run()
    return made


def results(conversation: LocalConversation) -> list[str]:
    return [
        event.observation.text
        for event in conversation.state.events
        if isinstance(event, ObservationEvent) and event.tool_name == "terminal"
    ]


@pytest.fixture
def files(world) -> Path:
    (world.workspace / "steps.py").write_text(CODE)
    (world.workspace / "report.txt").write_text(PASSED)
    return world.workspace


def test_what_is_stored_is_what_every_model_sees(world, files: Path) -> None:
    commands = ["cat steps.py", "cat steps.py", "false"]
    llm = router(world)
    made = run(world, commands, llm)
    first, again, failed = results(made)
    assert "def step_39(value):" in first
    assert "left out, same as above in `cat steps.py`" in again
    assert len(again) < 0.2 * len(first)
    last = json.dumps(world.provider.requests[-1].body)
    assert last.count("def step_20(value):") == 1
    assert "exit code 1" in last
    assert "step" not in failed
    outcomes = [call.outcome for call in llm.calls(made.id)]
    spared = (len(first) - len(again)) // 4
    assert [o.spared_results for o in outcomes] == [0, 0, spared, spared]
    assert all((o.spared_usd > 0) == (o.spared_results > 0) for o in outcomes)


def test_off_nothing_is_left_out(world, files: Path) -> None:
    made = run(world, ["cat steps.py", "cat steps.py"], router(world, on=False))
    first, again = results(made)
    assert first == again


def test_the_whole_of_what_was_distilled_is_in_a_file(
    world, files: Path, tmp_path: Path
) -> None:
    made = run(
        world, ["cat report.txt"], router(world), persistence_dir=str(tmp_path / "p")
    )
    (result,) = results(made)
    assert "[58 lines left out: passed tests]" in result
    path = Path(result.partition("[the whole result: ")[2].rstrip("]\n "))
    assert all(line in path.read_text() for line in PASSED.split("\n"))
    assert path.stat().st_mode & 0o077 == 0


def test_without_a_place_for_the_whole_nothing_is_distilled(world, files: Path) -> None:
    (result,) = results(run(world, ["cat report.txt"], router(world)))
    assert "left out" not in result
    assert all(line in result for line in PASSED.split("\n"))


def test_a_resumed_conversation_sends_the_same_bytes(
    world, files: Path, tmp_path: Path
) -> None:
    fields = {"persistence_dir": str(tmp_path / "p")}
    made = run(world, ["cat steps.py", "cat steps.py"], router(world), **fields)
    before = results(made)
    sent = world.provider.requests[-1].body["messages"]
    made.close()
    more = [world.terminal("cat steps.py"), world.finish()]
    world.provider.script = by_turn([*[world.finish()] * 3, *more])
    again = conversation(world, router(world), conversation_id=made.id, **fields)
    assert results(again) == before
    again.send_message("Once more.")
    again.run()
    body = json.dumps(world.provider.requests[-1].body["messages"])
    for message in sent:
        if message["role"] == "tool":
            assert json.dumps(message["content"]) in body
    assert len(results(again)) == len(before) + 1
    assert "left out, same as above" in results(again)[-1]


def test_a_fork_sends_the_same_bytes(world, files: Path) -> None:
    made = run(world, ["cat steps.py", "cat steps.py"], router(world))
    world.provider.script = by_turn([world.finish()] * 4)
    fork = made.fork()
    world.conversations.append(fork)
    fork.send_message("Once more.")
    fork.run()
    sent = json.dumps(world.provider.requests[-1].body)
    assert all(json.dumps(text)[1:-1] in sent for text in results(made))
    assert results(fork)[:2] == results(made)


def test_what_a_condenser_may_leave_out_is_not_referred_to(world, files: Path) -> None:
    masking = PipelineCondenser(condensers=[ColdCacheCondenser(), NoOpCondenser()])
    commands = ["cat steps.py", "cat steps.py"]
    first, again = results(run(world, commands, router(world), condenser=masking))
    assert first == again


@pytest.mark.own_fault
def test_a_fault_of_ours_leaves_the_result_whole(
    world, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "openhands_tiered_router.sdk.arrival.arrived", lambda *_, **__: 1 / 0
    )
    first, again = results(run(world, ["cat steps.py", "cat steps.py"], router(world)))
    assert first == again
