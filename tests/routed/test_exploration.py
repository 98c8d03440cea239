"""A real conversation with other tiers tried leaves what judging policies needs."""

from __future__ import annotations

import os
from pathlib import Path

from openhands_tiered_router.graph.settings import GraphSettings
from openhands_tiered_router.policy.exploration import Exploration
from openhands_tiered_router.policy.rules import standard_rules
from openhands_tiered_router.record.calibrate.logs import read_turns
from openhands_tiered_router.settings import RouterSettings


def test_what_was_tried_is_on_record_with_its_odds(world) -> None:
    settings = RouterSettings(dispatch=world.quick, graph=GraphSettings(enabled=False))
    explore = Exploration(share=0.5, least_mechanical=0.0)
    router = world.router(settings=settings).with_rules(standard_rules(explore=explore))
    conversation = world.conversation(world.agent(router))
    conversation.send_message("Look around.")
    conversation.run()
    calls = router.calls(conversation.id)
    router._ready().recorder.flush(60)
    turns = read_turns(Path(os.environ["TIERED_ROUTER_TELEMETRY"]))
    assert [t.tier for t in turns] == [c.decision.tier for c in calls]
    assert [t.odds[t.tier] for t in turns] == [c.decision.propensity for c in calls]
    assert turns[0].odds == {turns[0].tier: 1.0}
    assert any(len(turn.odds) > 1 for turn in turns)
    assert [t.cost for t in turns] == [c.outcome.cost for c in calls]
    assert turns[-1].situation.prompt_tokens > 0
    assert turns[-1].situation.warm
