"""Processes that are forked amid calls finish theirs, and disturb nobody's."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from openhands.sdk.llm import Message, TextContent

from openhands_tiered_router import ComplexityRouter
from openhands_tiered_router.guards.budget.limits import Budget, Scope
from openhands_tiered_router.record.telemetry.settings import TelemetrySettings
from openhands_tiered_router.settings import RouterSettings
from tests.routed.conftest import World
from tests.waiting import PATIENCE


HELLO = [Message(role="user", content=[TextContent(text="Hello.")])]
CHILDREN = 15
CALLERS = 4


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_15_all_of_fifteen_children_finish(world: World, tmp_path: Path) -> None:
    router = world.router(
        {"simple": "openai/gpt-4o-mini", "complex": "anthropic/claude-sonnet-4-5"},
        settings=RouterSettings(
            dispatch=world.quick.model_copy(update={"total_timeout": 60.0}),
            budgets=(Budget(name="b", scope=Scope.PROJECT, usd=5.0),),
            telemetry=TelemetrySettings(path=str(tmp_path / "t.sqlite3")),
        ),
    )
    # A stream's own lock is nobody's to renew: httpx logs each call, pytest listens.
    logging.disable(logging.WARNING)
    over, failures = threading.Event(), []

    def call_on() -> None:
        while not over.is_set():
            try:
                _calls(router)
            except Exception as error:
                failures.append(error)

    callers = [threading.Thread(target=call_on) for _ in range(CALLERS)]
    for caller in callers:
        caller.start()
    try:
        _calls(router)
        children = [_forked(lambda: _calls(router)) for _ in range(CHILDREN)]
        codes = [_ended(child) for child in children]
    finally:
        over.set()
        logging.disable(logging.NOTSET)
        for caller in callers:
            caller.join(PATIENCE)
    assert codes == [0] * CHILDREN
    assert not failures


def _calls(router: ComplexityRouter) -> None:
    for tier in ("simple", "complex"):
        router.generate(HELLO, tier=tier)
    asyncio.run(router.agenerate(HELLO, tier="simple"))


def _forked(work: Callable[[], None]) -> int:
    """Not by multiprocessing, which would have the child end as pytest does."""
    child = os.fork()
    if child:
        return child
    try:
        work()
        os._exit(0)
    finally:
        os._exit(1)


def _ended(child: int) -> int | str:
    until = time.monotonic() + PATIENCE / 5
    while time.monotonic() < until:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.05)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return "hung"
