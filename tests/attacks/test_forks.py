"""Processes that are forked amid calls finish theirs, and disturb nobody's."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from openhands.sdk.llm import LLM, Message, TextContent

from openhands_tiered_router import ComplexityRouter
from openhands_tiered_router.calls.settings import DispatchSettings
from openhands_tiered_router.guards.budget.limits import Budget, Scope
from openhands_tiered_router.record.telemetry.settings import TelemetrySettings
from openhands_tiered_router.settings import RouterSettings
from tests.routed.conftest import World
from tests.waiting import PATIENCE


HELLO = [Message(role="user", content=[TextContent(text="Hello.")])]
CHILDREN = 15
CALLERS = 4
SCRIPT = """
import json, sys
from tests.attacks.test_forks import children_amid_calls
print(json.dumps(children_amid_calls(*sys.argv[1:])))
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_15_all_of_fifteen_children_finish(world: World, tmp_path: Path) -> None:
    """In a process of its own: threads that other tests left hold locks of theirs."""
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, world.provider.base_url, tmp_path],
        capture_output=True,
        text=True,
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root), "LOG_LEVEL": "ERROR"},
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr[-2_000:]
    assert json.loads(done.stdout.splitlines()[-1]) == {
        "codes": [0] * CHILDREN,
        "failures": [],
    }


def children_amid_calls(base_url: str, directory: str) -> dict[str, list[Any]]:
    """Exit codes of children that call while threads of the parent do."""
    router = ComplexityRouter(
        llms_for_routing={
            "simple": LLM(
                model="openai/gpt-4o-mini", base_url=f"{base_url}/v1", api_key="sk-l"
            ),
            "complex": LLM(
                model="anthropic/claude-sonnet-4-5", base_url=base_url, api_key="sk-l"
            ),
        },
        settings=RouterSettings(
            dispatch=DispatchSettings(total_timeout=60.0),
            budgets=(Budget(name="b", scope=Scope.PROJECT, usd=5.0),),
            telemetry=TelemetrySettings(path=f"{directory}/t.sqlite3"),
        ),
    )
    over, failures = threading.Event(), []

    def call_on() -> None:
        while not over.is_set():
            try:
                _calls(router)
            except Exception as error:
                failures.append(repr(error))

    callers = [threading.Thread(target=call_on) for _ in range(CALLERS)]
    for caller in callers:
        caller.start()
    try:
        _calls(router)
        children = [_forked(lambda: _calls(router)) for _ in range(CHILDREN)]
        codes = [_ended(child) for child in children]
    finally:
        over.set()
        for caller in callers:
            caller.join(PATIENCE)
    return {"codes": codes, "failures": failures}


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
