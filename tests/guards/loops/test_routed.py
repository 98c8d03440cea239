"""The loop guard with a router: a stronger model before a pause."""

from __future__ import annotations

from pathlib import Path

from openhands.sdk import LocalConversation, Tool
from openhands.sdk.conversation.state import ConversationExecutionStatus as Status
from openhands.tools.file_editor import FileEditorTool

from openhands_tiered_router.calls.fleet import fleet
from openhands_tiered_router.guards.loops.guard import LoopGuard
from openhands_tiered_router.guards.loops.settings import LoopSettings
from openhands_tiered_router.guards.pausing import PauseReason, notice_of
from openhands_tiered_router.loopback import Reply, ToolCall
from openhands_tiered_router.policy.rules import RULES
from openhands_tiered_router.record.telemetry.recorder import recorder_for
from openhands_tiered_router.settings import RouterSettings
from tests.guards.loops.test_learnt import conversation as recorded
from tests.waiting import wait_until


def talk(world, loops: LoopSettings, turns: int) -> tuple[LocalConversation, LoopGuard]:
    """An agent that looks at another file in each turn, and then finishes."""
    for n in range(turns):
        (world.workspace / f"{n}.txt").write_text(str(n))

    def script(request):
        if request.turn == turns:
            return world.finish()
        path = str(world.workspace / f"{request.turn}.txt")
        call = ToolCall("file_editor", {"command": "view", "path": path})
        return Reply(tool_calls=(call,))

    world.provider.script = script
    settings = RouterSettings(dispatch=world.quick, loops=loops)
    router = world.router(settings=settings).with_rules(RULES)
    callbacks = router.callbacks()
    agent = world.agent(router, tools=[Tool(name=FileEditorTool.name)])
    conversation = world.conversation(agent, callbacks=callbacks)
    conversation.send_message("Look around.")
    (guard,) = [c for c in callbacks if isinstance(c, LoopGuard)]
    return conversation, guard


def test_a_runaway_gets_a_stronger_model_for_some_turns(world) -> None:
    conversation, _ = talk(world, LoopSettings(runaway_turns=3), turns=10)
    conversation.run()
    assert conversation.state.execution_status is Status.FINISHED
    told = [n for e in conversation.state.events if (n := notice_of(e))]
    assert told == [
        PauseReason(
            "loop",
            "This run took 3 turns so far; 3 are held to be many ([loops]). "
            "A stronger model takes a look at it.",
        )
    ]
    calls = fleet().calls(str(conversation.id))
    floors = [str(call.decision.floor) for call in calls]
    assert floors == ["None"] * 3 + ["reasoning"] * 5 + ["None"] * 3


def test_what_is_learnt_is_found_under_the_models_own_name(
    world, tmp_path: Path
) -> None:
    recorder = recorder_for(tmp_path / "telemetry.sqlite3")
    for n in range(80):
        model = list(world.models.values())[n % 4]
        recorded(recorder, f"c{n}", turns=5, weak=model)
    assert recorder.flush(60)
    conversation, guard = talk(world, LoopSettings(learn_from=20), turns=7)
    conversation.run()
    link = guard._router
    assert link is not None
    known = wait_until(lambda: link.typical(str(conversation.id)))
    assert known.turns == 6
