"""A tier that takes over is sent notices of old results, and the same ever after."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from openhands.sdk import LocalConversation, Tool
from openhands.tools.terminal import TerminalTool

from openhands_tiered_router import ComplexityRouter, RoutedAgent
from openhands_tiered_router.loopback.scripts import by_turn
from openhands_tiered_router.settings import RouterSettings
from openhands_tiered_router.tokens.settings import TokenSettings


FILES = 14


def conversation(world, *, on: bool, **fields: Any) -> LocalConversation:
    for i in range(FILES):
        text = "\n".join(f"value_{i}_{n} = {n}" for n in range(60))
        (world.workspace / f"f{i}.txt").write_text(text)
    settings = RouterSettings(dispatch=world.quick, tokens=TokenSettings(handover=on))
    terminal = Tool(name=TerminalTool.name, params={"terminal_type": "subprocess"})
    models = {"simple": "openai/gpt-4o-mini", "complex": "openai/gpt-4o"}
    router = world.router(models, settings=settings)
    return world.conversation(
        world.agent(router, RoutedAgent, tools=[terminal]), **fields
    )


def script(world) -> None:
    """Looks, which the simple tier goes on from; a failure, which it does not."""
    looks = [world.terminal(f"cat f{i}.txt") for i in range(FILES)]
    fails = [world.terminal("false"), world.terminal("false")]
    world.provider.script = by_turn([*looks, *fails, world.finish(), world.finish()])


def prompts(world, model: str) -> list[list[str]]:
    """Of each request to a model, its messages."""
    asked = [r for r in world.provider.requests if r.model == model]
    return [[json.dumps(m) for m in r.body["messages"]] for r in asked]


def test_what_others_saw_is_shortened_and_stays_so(world, tmp_path: Path) -> None:
    fields = {"persistence_dir": str(tmp_path / "p")}
    script(world)
    made = conversation(world, on=True, **fields)
    made.send_message("Look.")
    made.run()
    first, *took_over = prompts(world, "gpt-4o")
    assert len(took_over) >= 2
    text = "\n".join(took_over[0])
    for i in range(FILES):
        notice = i < FILES + 1 - 10
        assert (f"value_{i}_30" in text) == (not notice)
    assert text.count("left out here") == FILES + 1 - 10
    for before, after in zip(took_over, took_over[1:], strict=False):
        assert after[: len(before)] == before
    llm = made.agent.llm
    assert isinstance(llm, ComplexityRouter)
    outcomes = [call.outcome for call in llm.calls(made.id)]
    for outcome in outcomes:
        shortened = outcome.endpoint == "complex" and outcome is not outcomes[0]
        assert (outcome.spared_results > 0) == shortened
        assert (outcome.spared_usd > 0) == shortened
    # The simple tier saw all of them, so it gets them whole.
    assert not any(
        "left out here" in m for p in prompts(world, "gpt-4o-mini") for m in p
    )

    made.close()
    again = conversation(world, on=True, conversation_id=made.id, **fields)
    again.send_message("Go on.")
    again.run()
    resumed = prompts(world, "gpt-4o")[-1]
    assert resumed[: len(took_over[-1])] == took_over[-1]


def test_off_nothing_is_shortened(world) -> None:
    script(world)
    made = conversation(world, on=False)
    made.send_message("Look.")
    made.run()
    assert all("left out here" not in m for p in prompts(world, "gpt-4o") for m in p)
