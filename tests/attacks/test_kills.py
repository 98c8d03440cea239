"""Whole routers are killed amid conversations, and no spending is lost or doubled."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from openhands.sdk import Agent, LocalConversation

from openhands_tiered_router import ComplexityRouter
from openhands_tiered_router.calls.state.degrading import DegradingStore
from openhands_tiered_router.calls.state.journal import Journal
from openhands_tiered_router.calls.state.redis import RedisStore
from openhands_tiered_router.calls.state.store import StateUnavailable
from openhands_tiered_router.guards.budget import ledger
from openhands_tiered_router.guards.budget.limits import NANO, Budget, Scope
from openhands_tiered_router.loopback.scripts import fixed
from tests.calls.state.conftest import RedisServer, redis_server
from tests.routed.conftest import World
from tests.waiting import PATIENCE, wait_until


__all__ = ["redis_server"]

BUDGET = Budget(name="all", scope=Scope.PROJECT, usd=1_000.0)
ROUNDS = 10
AT_ONCE = 3
CONFIG = """
[[tiers.simple.endpoints]]
model = "openai/gpt-4o-mini"
base_url = "{0}/v1"
[[tiers.complex.endpoints]]
model = "anthropic/claude-sonnet-4-5"
base_url = "{0}"
[[budgets]]
name = "all"
scope = "project"
usd = 1000
[state]
backend = "redis"
url_env = "KILLS_REDIS"
[graph]
enabled = false
"""
SCRIPT = """
import sys
from tests.attacks.test_kills import talk_until_killed
talk_until_killed(*sys.argv[1:])
"""


def talk_until_killed(config: str, directory: str, seed: str) -> None:
    """Forks conversations that go on for good, and kills them at random moments; says
    when each round is over."""
    chance = random.Random(int(seed))
    # What the first call imports takes seconds. The children renew its clients.
    _talk(config, f"{directory}/first", turns=1)
    for turn in range(ROUNDS):
        children: list[int] = []
        for number in range(AT_ONCE):
            child = os.fork()
            if not child:
                try:
                    _talk(config, f"{directory}/{turn}.{number}")
                finally:
                    os._exit(1)
            children.append(child)
        # A conversation needs some tenths of a second to begin.
        time.sleep(chance.uniform(0.5, 3.0))
        for child in children:
            os.kill(child, signal.SIGKILL)
            _, status = os.waitpid(child, 0)
            assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL
        print(turn, flush=True)


def _talk(config: str, workspace: str, turns: int = 1_000_000) -> None:
    os.mkdir(workspace)
    agent = Agent(llm=ComplexityRouter.from_config(config), tools=[])
    conversation = LocalConversation(agent=agent, workspace=workspace, visualizer=None)
    for _ in range(turns):
        conversation.send_message("Say something.")
        conversation.run()


def _books(url: str, journal: Path) -> ledger.Balance:
    key = BUDGET.key(None, 0.0)
    assert key is not None
    place = RedisStore(url)

    def answers() -> bool:
        try:
            place.read(key)
        except StateUnavailable:
            return False
        return True

    wait_until(answers)  # it reads its file first
    name = hashlib.sha256(url.encode()).hexdigest()[:16]
    return ledger.balance(
        DegradingStore(place, journal=Journal(journal, name)).read(key)
    )


@pytest.mark.slow
@pytest.mark.parametrize("redis_dies", [False, True])
def test_routers_are_killed_amid_conversations(
    world: World, tmp_path: Path, redis_server: RedisServer, redis_dies: bool
) -> None:
    world.provider.script = fixed("Something.")
    redis_server.persistent = True
    redis_server.stop()
    redis_server.start()
    config = tmp_path / "tiered-router.toml"
    config.write_text(CONFIG.format(world.provider.base_url))
    root = Path(__file__).parents[2]
    seed, chance = 31 + redis_dies, random.Random(7)
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(config), str(tmp_path), str(seed)],
        cwd=root,
        stdout=subprocess.PIPE,
        stderr=(tmp_path / "log").open("w"),
        text=True,
        env={
            **os.environ,
            "PYTHONPATH": str(root),
            "KILLS_REDIS": redis_server.url,
            "OPENAI_API_KEY": "sk-loopback",
            "ANTHROPIC_API_KEY": "sk-loopback",
            "TIERED_ROUTER_STATE": str(tmp_path / "state.sqlite3"),
            "TIERED_ROUTER_TELEMETRY": str(tmp_path / "telemetry.sqlite3"),
        },
    )
    until = time.monotonic() + 10 * PATIENCE
    while process.poll() is None and time.monotonic() < until:
        time.sleep(chance.uniform(0.5, 2.0))
        if redis_dies:
            redis_server.stop()
            time.sleep(chance.uniform(0.1, 1.5))
            redis_server.start()
    process.kill()
    assert process.wait() == 0, (tmp_path / "log").read_text()[-2_000:]
    charged = world.provider.charged
    books = _books(redis_server.url, tmp_path / "journal.sqlite3")
    killed = ROUNDS * AT_ONCE
    settled, unsettled = books.spent.turns, books.open.turns
    print(
        f"{killed} routers killed, {len(charged)} calls charged, "
        f"{settled} settled, {unsettled} open"
    )
    assert len(charged) > 2 * killed
    # Money for each call was put aside before it was sent: what the provider charged is
    # settled at its cost, or open at its estimate, one call at most of each router.
    assert settled <= len(charged) <= settled + unsettled
    assert unsettled <= killed
    costs = sorted(charge.usd or 0.0 for charge in charged)
    missing = len(charged) - settled
    bill = sum(costs)
    assert bill - sum(costs[len(costs) - missing :]) - 1e-6 <= books.spent.usd / NANO
    assert books.spent.usd / NANO <= bill - sum(costs[:missing]) + 1e-6
