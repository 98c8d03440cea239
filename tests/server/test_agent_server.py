"""Both ways onto a real agent-server: run, kill -9, restart, resume, fork, guards."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from openhands.tools.task import TaskToolSet

from openhands_tiered_router import ComplexityRouter
from openhands_tiered_router.calls.state.sqlite import SqliteStore
from openhands_tiered_router.config import parse_config
from openhands_tiered_router.conversation import routed_agent
from openhands_tiered_router.guards.budget.ledger import balance
from openhands_tiered_router.guards.budget.limits import NANO, Budget, Spend
from openhands_tiered_router.loopback import LoopbackProvider
from openhands_tiered_router.record.telemetry.query import TelemetryFile
from openhands_tiered_router.server.installer import NAME
from tests.server.conftest import (
    KEY,
    MODELS,
    STOCK,
    AgentServer,
    cost,
    llm,
)
from tests.waiting import wait_until


# One worker: each would start a server of its own.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("agent-server")]
WAYS = ("kind", "tool")
BUDGET = {"name": "ample", "usd": 50.0}
STOP = {"enabled": True, "mode": "stop"}
# In tmux, the shells of a killed server would live on.
TOOLS = [{"name": "terminal", "params": {"terminal_type": "subprocess"}}]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    path = tmp_path / "workspace"
    path.mkdir()
    (path / "notes.txt").write_text("a\n")
    return path


def agent_of(way: str, models: LoopbackProvider, **more: Any) -> dict[str, Any]:
    """An agent as its client sends it; ``more`` are sections of the configuration."""
    if way == "kind":
        tables = {
            t: llm(models, m, api_key_env="LOOPBACK_KEY") for t, m in MODELS.items()
        }
        tiers = {tier: {"endpoints": [table]} for tier, table in tables.items()}
        config = parse_config({"tiers": tiers, **more}, "test")
        agent = routed_agent(ComplexityRouter.from_config(config))
        sent = agent.model_dump(mode="json", context={"expose_secrets": True})
        return {**sent, "tools": TOOLS}
    tiers = {tier: f"for-{tier}" for tier in MODELS}
    plain = llm(models, STOCK, usage_id="agent")
    agent = {"kind": "Agent", "llm": plain, "tools": TOOLS}
    if way == "stock":
        return agent
    installer = {"name": NAME, "params": {"tiers": tiers, **more}}
    condenser = {"kind": "LLMSummarizingCondenser", "llm": plain}
    return {**agent, "condenser": condenser, "tools": [*TOOLS, installer]}


def served(models: LoopbackProvider, conversation: str) -> list[str]:
    """The models of a conversation's turns."""
    turns = (r for r in models.requests if r.tools)
    return [r.model for r in turns if r.session == conversation]


def bill(models: LoopbackProvider, conversation: str) -> list[float]:
    """USD of each call."""
    own = {r.number for r in models.requests if r.session == conversation}
    return [c.usd or 0 for c in models.charged if c.number in own]


def is_billed(server: AgentServer, models: LoopbackProvider, conversation: str) -> bool:
    """Whether its stats agree with the provider's bill."""
    info = server.ask("GET", f"/conversations/{conversation}")
    return cost(info) == pytest.approx(sum(bill(models, conversation)))


def ledger(server: AgentServer, conversation: str) -> Spend:
    """What the budget ``BUDGET`` has counted."""
    key = Budget(name=BUDGET["name"], usd=1.0).key(conversation, 0.0)
    assert key is not None
    return balance(SqliteStore(server.state).read(key)).spent


def test_a_kill_changes_neither_tiers_nor_money(
    server: AgentServer, models: LoopbackProvider, place: Path
) -> None:
    agents = {way: agent_of(way, models) for way in WAYS}
    plain = llm(models, "openai/gpt-4.1-mini", usage_id="switched")
    first, again = "Add a line to the notes.", "Add another line to the notes."
    talks, calm = (
        {way: server.begin(agents[way], place, first) for way in WAYS} for _ in range(2)
    )
    hanging = {
        way: server.begin(
            agent_of(way, models, budgets=[BUDGET]), place, "hang on, then write"
        )
        for way in WAYS
    }
    before = {way: server.ended(talks[way]) for way in WAYS}
    for way in WAYS:
        server.ended(calm[way])
        server.say(calm[way], again)
    for way in WAYS:
        server.ended(calm[way], runs=2)
        path = f"/conversations/{calm[way]}/switch_llm"
        server.ask("POST", path, {"llm": plain})
        wait_until(lambda way=way: ledger(server, hanging[way]).turns == 2)
    server.stop(signal.SIGKILL)
    server.start()
    for way in WAYS:
        info = server.ask("GET", f"/conversations/{talks[way]}")
        assert info["agent"] == before[way]["agent"]
        assert cost(info) == cost(before[way])
        server.say(talks[way], again)
        server.say(hanging[way], "Go on.")
        server.say(calm[way], again)
    for way in WAYS:
        info = server.ended(talks[way], runs=2)
        assert info["execution_status"] == "finished"
        assert len(set(served(models, talks[way]))) == 2
        assert served(models, talks[way]) == served(models, calm[way])[:8]
        assert cost(info) > cost(before[way]) > 0
        wait_until(lambda way=way: is_billed(server, models, talks[way]))
        # The SDK keeps no book of a step that the kill has cut off; the budget does.
        info = server.ended(hanging[way], runs=2)
        assert info["execution_status"] == "finished"
        paid = bill(models, hanging[way])
        assert cost(info) == pytest.approx(sum(paid) - paid[1])
        wait_until(lambda way=way: ledger(server, hanging[way]).turns == 6)
        counted = ledger(server, hanging[way]).usd / NANO
        assert counted == pytest.approx(sum(paid), abs=6 / NANO)
        assert set(served(models, hanging[way])) <= {
            m.split("/")[1] for m in MODELS.values()
        }
        # The switch holds: a router is not put over the user's choice.
        assert server.ended(calm[way], runs=3)["execution_status"] == "finished"
        assert served(models, calm[way])[8:] == ["gpt-4.1-mini"] * 4
        check_fork(server, models, talks[way], again)


def check_fork(
    server: AgentServer, models: LoopbackProvider, source: str, message: str
) -> None:
    fork = server.ask("POST", f"/conversations/{source}/fork", {})["id"]
    server.say(fork, message)
    info = server.ended(fork, runs=3)
    assert info["execution_status"] == "finished", server.events(fork)[-3:]
    assert served(models, fork) == served(models, source)[4:]
    wait_until(lambda: is_billed(server, models, fork))


def test_a_call_beside_a_run_is_told_with_the_next_change(
    server: AgentServer, models: LoopbackProvider, place: Path
) -> None:
    """As the SDK does with any agent: what is asked for is the state that was saved."""
    every = ("stock", *WAYS)
    talks = {
        way: server.begin(agent_of(way, models), place, "Add a line.") for way in every
    }
    told: dict[str, bool] = {}
    for way, talk in talks.items():
        server.ended(talk)
        path = f"/conversations/{talk}/ask_agent"
        answer = server.ask("POST", path, {"question": "Why?"})
        assert answer == {"response": "Because."}
        assert len(bill(models, talk)) == 5
        told[way] = is_billed(server, models, talk)
        server.say(talk, "Add a line.")
    assert len(set(told.values())) == 1, told
    for talk in talks.values():
        server.ended(talk, runs=2)
        assert is_billed(server, models, talk)


@pytest.mark.parametrize("way", WAYS)
def test_confirmation_comes_with_the_configuration(
    server: AgentServer, models: LoopbackProvider, place: Path, way: str
) -> None:
    agent = agent_of(way, models, confirm=STOP)
    talk = server.begin(agent, place, "Add a line.")
    wait_until(lambda: server.status(talk) == "waiting_for_confirmation")
    assert (place / "notes.txt").read_text() == "a\n"
    path = f"/conversations/{talk}/events/respond_to_confirmation"
    server.ask("POST", path, {"accept": True})
    server.ended(talk)
    assert (place / "notes.txt").read_text() == "b\n"
    fork = server.ask("POST", f"/conversations/{talk}/fork", {})["id"]
    server.say(fork, "Add a line.")
    wait_until(lambda: server.status(fork) == "waiting_for_confirmation")


@pytest.mark.parametrize("way", WAYS)
def test_the_explorer_runs_on_the_simple_tier(
    server: AgentServer, models: LoopbackProvider, place: Path, way: str
) -> None:
    agent = agent_of(way, models)
    agent["tools"] = [*agent["tools"], {"name": TaskToolSet.name}]
    before = len(models.charged)
    info = server.ended(server.begin(agent, place, "Explore."))
    own = {r.number for r in models.requests if r.session == info["id"]}
    charged = models.charged[before:]
    handed_on = [charge.model for charge in charged if charge.number not in own]
    assert handed_on == ["gpt-4o-mini"] * 4
    assert cost(info) == pytest.approx(sum(charge.usd or 0 for charge in charged))


@pytest.mark.parametrize("way", WAYS)
def test_guards_and_telemetry_are_there(
    server: AgentServer, models: LoopbackProvider, place: Path, way: str
) -> None:
    budget = {"name": "three", "scope": "conversation", "turns": 3}
    failing = server.begin(
        agent_of(way, models, loops={"failures": 4}), place, "Let it fail."
    )
    short = server.begin(agent_of(way, models, budgets=[budget]), place, "Add a line.")
    for conversation, guard in ((failing, "loop"), (short, "budget")):
        assert server.ended(conversation)["execution_status"] == "paused"
        codes = [e.get("code") for e in server.events(conversation)]
        assert codes.count(f"PausedByGuard:{guard}") == 1
    assert len(served(models, failing)) == 4
    assert len(served(models, short)) == 3
    record = TelemetryFile(server.telemetry)
    wait_until(lambda: sum(len(t.tools) for t in record.turns(failing)) == 4)


def test_what_a_client_sees_of_the_tool_is_a_stock_agent(
    server: AgentServer, models: LoopbackProvider, place: Path
) -> None:
    conversation = server.begin(agent_of("tool", models), place, "Add a line.")
    info = server.ended(conversation)
    agent = info["agent"]
    assert (agent["kind"], agent["llm"]["model"]) == ("Agent", "openai/gpt-4.1")
    assert KEY not in json.dumps(info)
    usage = {NAME, f"{NAME}:condenser"} | {f"{NAME}:{tier}" for tier in MODELS}
    usage |= {f"{NAME}:condenser:{tier}" for tier in MODELS}
    assert set(info["stats"]["usage_to_metrics"]) == usage
    updates = [e for e in server.events(conversation) if e.get("key") == "stats"]
    assert len(updates) == sum(r.session == conversation for r in models.requests)


def test_a_client_without_the_package_reads_on(
    server: AgentServer, models: LoopbackProvider, place: Path
) -> None:
    conversation = server.begin(agent_of("tool", models), place, "Add a line.")
    info = server.ended(conversation)
    read = subprocess.run(
        [sys.executable, "-c", CLIENT, server.url, conversation, str(place)],
        capture_output=True,
        text=True,
    )
    assert read.returncode == 0, read.stderr[-2000:]
    seen = json.loads(read.stdout.splitlines()[-1])
    assert seen["cost"] == pytest.approx(cost(info))
    assert seen["actions"] == 3
    assert seen["agent"] == "Agent"


CLIENT = """
import importlib.abc, json, sys
class Hidden(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] == "openhands_tiered_router":
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Hidden())
from openhands.sdk import Agent, Conversation, Workspace
from openhands.sdk.event import ActionEvent
from openhands.sdk.llm import LLM
import openhands.tools.terminal
url, conversation_id, place = sys.argv[1:]
conversation = Conversation(
    agent=Agent(llm=LLM(model="openai/gpt-4.1")),
    workspace=Workspace(host=url, working_dir=place),
    conversation_id=conversation_id,
    visualizer=None,
    delete_on_close=False,
)
state = conversation.state
print(json.dumps({
    "cost": conversation.conversation_stats.get_combined_metrics().accumulated_cost,
    "actions": sum(isinstance(e, ActionEvent) for e in state.events),
    "agent": type(state.agent).__name__,
}))
conversation.close()
"""


def test_bad_params_are_told_to_the_client(
    server: AgentServer, models: LoopbackProvider, place: Path
) -> None:
    agent = agent_of("tool", models, budgetz=[])
    body = {"agent": agent, "workspace": {"working_dir": str(place)}}
    said = {"role": "user", "content": [{"type": "text", "text": "Add a line."}]}
    answer = server.http.post(
        f"{server.url}/api/conversations", json=body | {"initial_message": said}
    )
    assert answer.status_code == 500
    assert "budgetz: is not a known key. Did you mean budgets?" in answer.text
    assert KEY not in answer.text
