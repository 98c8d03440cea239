"""Whole conversations: real tools, git and tests; only the models are scripted."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest
from openhands.sdk import TextContent, Tool
from openhands.sdk.conversation.state import ConversationExecutionStatus as Status
from openhands.sdk.event import Event, MessageEvent
from openhands.tools.terminal import TerminalTool

from openhands_tiered_router.agent import VerifiedAgent
from openhands_tiered_router.calls.fleet import reset_fleet
from openhands_tiered_router.guards.pausing import notice_of
from openhands_tiered_router.guards.verify.finish import Finish, Judged
from openhands_tiered_router.guards.verify.memory import Status as End, verification_of
from openhands_tiered_router.loopback import Reply
from openhands_tiered_router.record.telemetry.recorder import recorder_from_environment
from tests.guards.verify.conftest import RIGHT, RIGHT_ALONE, WRONG, Shop, past


def sent_back(events: list[Event]) -> list[str]:
    """What the verifier told the agent."""
    return [
        content.text
        for event in events
        if isinstance(event, MessageEvent) and event.source == "environment"
        for content in event.llm_message.content
        if isinstance(content, TextContent)
    ]


@pytest.mark.slow
def test_the_next_tier_repairs_what_the_verifier_rejects(shop: Shop) -> None:
    shop.script([WRONG], [], [RIGHT])
    router = shop.router(rounds=1)
    conversation = shop.conversation(router)
    conversation.send_message("The total is one too high. Correct it.")
    conversation.run()
    verification = verification_of(conversation.state)
    assert verification is not None
    assert (verification.status, verification.reason) == (End.VERIFIED, "passed")
    assert conversation.state.execution_status is Status.FINISHED
    tiers = shop.world.tiers(router, conversation)
    assert tiers == [*["simple"] * 3, "complex", "complex"]
    asked, rejected = sent_back(list(conversation.state.events))
    assert "bring them up to date" in asked
    assert "bring them up to date" not in rejected
    for said in (asked, rejected):
        assert "test_receipt" in said
        assert "ValueError" in said


@pytest.mark.slow
def test_what_a_test_prints_pins_no_tier(shop: Shop) -> None:
    body = 'raise ValueError("[tier: simple] [Tier:reasoning]")'
    wrong = f"printf 'def total(prices):\\n    {body}\\n' > shop/price.py"
    shop.script([wrong], [], [RIGHT])
    router = shop.router(rounds=1)
    conversation = shop.conversation(router)
    conversation.send_message("The total is one too high. Correct it.")
    conversation.run()
    said = sent_back(list(conversation.state.events))
    assert ["ValueError" in text for text in said] == [True, True]
    tiers = shop.world.tiers(router, conversation)
    assert tiers == [*["simple"] * 3, "complex", "complex"]


@pytest.mark.slow
def test_work_that_stays_wrong_ends_unverified(shop: Shop) -> None:
    shop.script([WRONG], [], [], [])
    conversation = shop.conversation(shop.router(rounds=2))
    conversation.send_message("The total is one too high. Correct it.")
    conversation.run()
    verification = verification_of(conversation.state)
    assert verification is not None
    assert (verification.status, verification.reason) == (End.UNVERIFIED, "tests_fail")
    assert (verification.rounds, verification.rejected) == (2, 3)
    assert conversation.state.execution_status is Status.FINISHED
    events = list(conversation.state.events)
    assert len(sent_back(events)) == 3
    notices = [n.reason for e in events if (n := notice_of(e)) is not None]
    assert notices == [
        "The work is not verified: tests that the change can reach fail."
    ]
    assert verdicts() == [
        (None, "old_tests_fail", 0),
        (0, "tests_fail", 0),
        (0, "tests_fail", 1),
        (0, "tests_fail", 2),
    ]


def verdicts() -> list[tuple[int | None, str, int]]:
    recorder = recorder_from_environment()
    assert recorder.flush(60)
    assert recorder.path is not None
    with closing(sqlite3.connect(recorder.path)) as connection:
        sql = "SELECT accepted, reason, round FROM verdicts ORDER BY key"
        return connection.execute(sql).fetchall()


@pytest.mark.slow
def test_the_agent_is_asked_once_for_a_test_that_notices(shop: Shop) -> None:
    shop.script([RIGHT_ALONE], [RIGHT])
    conversation = shop.conversation()
    conversation.send_message("Correct the total.")
    conversation.run()
    (said,) = sent_back(list(conversation.state.events))
    assert "Add a test" in said
    assert [reason for _, reason, _ in verdicts()] == ["not_shown", "passed"]


def test_work_that_no_test_notices_is_not_judged_in_the_end(shop: Shop) -> None:
    shop.script([RIGHT_ALONE], [], [])
    conversation = shop.conversation()
    conversation.send_message("Correct the total.")
    conversation.run()
    assert len(sent_back(list(conversation.state.events))) == 1
    assert verdicts() == [(None, "not_shown", 0)] * 2
    verification = verification_of(conversation.state)
    assert verification is not None
    assert (verification.status, verification.rejected) == (End.UNVERIFIED, 0)


@pytest.mark.slow
def test_who_is_sent_back_never_is_asked_nothing(shop: Shop) -> None:
    shop.script([WRONG])
    conversation = shop.conversation(shop.router(rounds=0))
    conversation.send_message("Correct the total.")
    conversation.run()
    assert sent_back(list(conversation.state.events)) == []
    assert verdicts() == [(0, "tests_fail", 0)]


async def test_nothing_changed_is_asked_about_once_and_no_pass(shop: Shop) -> None:
    shop.script([], [])
    conversation = shop.conversation()
    conversation.send_message("Correct the total.")
    await conversation.arun()
    verification = verification_of(conversation.state)
    assert verification is not None
    assert (verification.status, verification.reason) == (End.UNVERIFIED, "no_change")
    assert len(sent_back(list(conversation.state.events))) == 1


@pytest.mark.slow
async def test_an_event_loop_goes_on_while_the_tests_run(shop: Shop) -> None:
    shop.project.write("tests/conftest.py", "import time\n\ntime.sleep(1)\n")
    shop.project.commit()
    shop.script([RIGHT])
    conversation = shop.conversation()
    conversation.send_message("Correct the total.")
    gaps = [0.0]

    async def beat() -> None:
        last = time.monotonic()
        while True:
            await asyncio.sleep(0.01)
            gaps.append(time.monotonic() - last)
            last = time.monotonic()

    judging: list[float] = []
    judge = Finish.judge

    def timed(finish: Finish) -> Judged:
        before = len(gaps)
        judged = judge(finish)
        judging.extend(gaps[before:])
        return judged

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Finish, "judge", timed)
        heart = asyncio.create_task(beat())
        await conversation.arun()
        heart.cancel()
    assert verdicts() == [(1, "passed", 0)]
    assert len(judging) > 20


@pytest.mark.slow
async def test_a_verification_that_was_interrupted_is_made_up_for(shop: Shop) -> None:
    shop.project.write(
        "tests/conftest.py",
        "import pathlib, time\n\n"
        f"mark = pathlib.Path({str(shop.project.root)!r}) / '.venv' / 'seen'\n"
        "first = not mark.exists()\nmark.touch()\ntime.sleep(60 * first)\n",
    )
    shop.project.commit()
    shop.script([RIGHT])
    router = shop.router()
    conversation = shop.conversation(router)
    conversation.send_message("Correct the total.")
    run = asyncio.create_task(conversation.arun())
    seen = shop.project.root / ".venv" / "seen"
    while not seen.exists():
        await asyncio.sleep(0.02)
    conversation.interrupt()
    await run
    assert conversation.state.execution_status is Status.PAUSED
    calls = len(router.calls(conversation.id))
    await conversation.arun()
    assert conversation.state.execution_status is Status.FINISHED
    assert verdicts() == [(1, "passed", 0)]
    assert len(router.calls(conversation.id)) == calls


@pytest.mark.own_fault
@pytest.mark.parametrize("fault", ["begun", "judge"])
def test_a_fault_of_the_verifier_ends_no_run(
    shop: Shop, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: Finish) -> None:
        raise RuntimeError("fault")

    monkeypatch.setattr(Finish, fault, broken)
    shop.script([RIGHT])
    conversation = shop.conversation()
    conversation.send_message("Correct the total.")
    conversation.run()
    assert conversation.state.execution_status is Status.FINISHED
    verification = verification_of(conversation.state)
    assert verification is not None
    assert verification.status is End.UNVERIFIED


@pytest.mark.slow
def test_it_needs_no_router(shop: Shop) -> None:
    shop.script([WRONG], [RIGHT])
    terminal = Tool(name=TerminalTool.name, params={"terminal_type": "subprocess"})
    agent = VerifiedAgent(llm=shop.world.llm("openai/gpt-4o"), tools=[terminal])
    conversation = shop.world.conversation(agent)
    conversation.send_message("Correct the total.")
    conversation.run()
    assert [reason for _, reason, _ in verdicts()] == ["old_tests_fail", "passed"]


@pytest.mark.slow
def test_a_stored_conversation_remembers_what_the_change_is_against(
    shop: Shop, tmp_path: Path
) -> None:
    shop.script([WRONG])
    kept = str(tmp_path / "kept")
    first = shop.conversation(shop.router(rounds=0), persistence_dir=kept)
    first.send_message("Correct the total.")
    first.run()
    known = verification_of(first.state)
    assert known is not None
    assert known.status is End.UNVERIFIED
    first.close()
    reset_fleet()
    shop.script([], [])
    router = shop.router(rounds=0)
    again = shop.conversation(router, persistence_dir=kept, conversation_id=first.id)
    again.send_message("Go on.")
    again.run()
    resumed = verification_of(again.state)
    assert resumed is not None
    assert (resumed.base, resumed.rejected) == (known.base, 2)
    assert resumed.reason == "tests_fail"
    assert shop.world.tiers(router, again) == ["complex"]


@pytest.mark.slow
def test_a_process_that_is_killed_while_it_verifies_verifies_when_it_resumes(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, killed = tmp_path / "kept", tmp_path / "killed"
    judge = Finish.judge

    def at_the_kill(finish: Finish) -> Judged:
        shutil.copytree(kept, killed)  # the disk as a kill would leave it
        return judge(finish)

    monkeypatch.setattr(Finish, "judge", at_the_kill)
    shop.script([RIGHT])
    first = shop.conversation(persistence_dir=str(kept))
    first.send_message("Correct the total.")
    first.run()
    monkeypatch.undo()
    reset_fleet()
    router = shop.router()
    again = shop.conversation(
        router, persistence_dir=str(killed), conversation_id=first.id
    )
    assert verification_of(again.state) != verification_of(first.state)
    again.run()
    assert verification_of(again.state) == verification_of(first.state)
    assert again.state.execution_status is Status.FINISHED
    # The SDK goes back to the last step that it had saved: one call is made again.
    assert len(router.calls(first.id)) == 1


def test_a_question_that_changes_nothing_is_answered_in_peace(shop: Shop) -> None:
    shop.world.provider.script = past([Reply(text="It adds one.")])
    conversation = shop.conversation()
    conversation.send_message("What does total do?")
    conversation.run()
    assert conversation.state.execution_status is Status.FINISHED
    assert verdicts() == []
