"""The guard on the page works as it stands."""

from __future__ import annotations

import re
from pathlib import Path

from openhands_tiered_router.guards.pausing import PauseReason, pause_reasons


PAGE = (Path(__file__).parents[2] / "docs" / "guards.md").read_text()


def test_a_guard_of_your_own(world) -> None:
    (code,) = re.findall(r"```python\n(from [^`]*class [^`]*)```", PAGE)
    names: dict[str, type] = {}
    exec(code, names)
    # Three times: a loaded machine's terminal may give a result one turn late.
    turns = [*[world.terminal("echo deployed")] * 3, world.finish()]
    world.provider.script = lambda request: turns[request.turn]
    agent = world.agent(world.llm("openai/gpt-4o-mini"))
    conversation = world.conversation(agent, callbacks=[names["NoDeploys"]()])
    conversation.send_message("Deploy it.")
    conversation.run()
    why = "It deployed. Run again to let it go on."
    assert pause_reasons(conversation.state) == (PauseReason("deploys", why),)
