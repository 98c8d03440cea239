"""``tiered-router run`` on the loopback provider."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest
from click.testing import CliRunner, Result

from openhands_tiered_router.calls.state.sqlite import SqliteStore
from openhands_tiered_router.cli import tiered_router
from openhands_tiered_router.cli.conversations import command as conversations
from openhands_tiered_router.cli.run import _task_text, command
from openhands_tiered_router.guards.budget import ledger
from openhands_tiered_router.guards.budget.limits import NANO, Budget
from openhands_tiered_router.loopback import (
    LoopbackProvider,
    Reply,
    Request,
    ToolCall,
    faults,
)
from openhands_tiered_router.policy.economics.price_book import default_price_book
from openhands_tiered_router.resolver.routers import limited, router_of
from tests.waiting import wait_until


MODELS = {"simple": "openai/gpt-4o-mini", "complex": "openai/gpt-4o"}


def terminal(shell_command: str) -> Reply:
    return Reply(tool_calls=(ToolCall("terminal", {"command": shell_command}),))


def missing_file(number: int) -> Reply:
    """Fails on any machine; a loaded one's terminal may answer a turn late."""
    arguments = {"command": "view", "path": f"/nowhere/{number}"}
    return Reply(tool_calls=(ToolCall("file_editor", arguments),))


def script(request: Request) -> Reply:
    """Three turns after each user message."""
    steps = [
        terminal("ls"),
        terminal("exit_with() { return 3; }; exit_with"),
        Reply(tool_calls=(ToolCall("finish", {"message": "All looked at."}),)),
    ]
    return steps[request.turn % 3]


@pytest.fixture
def run(
    provider: LoopbackProvider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Result]:
    """Runs the command with a configuration for the provider."""
    provider.script = script
    book = default_price_book()
    provider._prices = {m.split("/")[1]: book.prices(m) for m in MODELS.values()}  # pyright: ignore
    (tmp_path / "workspace").mkdir()
    (tmp_path / "workspace" / "notes.txt").write_text("a\n")
    endpoint = {"base_url": f"{provider.base_url}/v1", "api_key_env": "LOOPBACK_KEY"}
    tiers = {k: {"endpoints": [{"model": m, **endpoint}]} for k, m in MODELS.items()}
    config = tmp_path / "router.json"
    config.write_text(json.dumps({"tiers": tiers}))
    monkeypatch.setenv("LOOPBACK_KEY", "sk-loopback")
    common = ["--config", str(config), "--workspace", str(tmp_path / "workspace")]
    common += ["--state-dir", str(tmp_path / "state")]

    def invoke(*arguments: str) -> Result:
        return CliRunner().invoke(command, [*common, *arguments])

    invoke.provider = provider  # pyright: ignore
    return invoke


def test_it_shows_each_turn_with_its_tier(run, provider) -> None:
    result = run("--task", "Look around.")
    assert result.exit_code == 0, result.output
    assert re.search(r"^  1 complex +\S.*\n +terminal: ls$", result.output, re.M)
    assert re.search(r"^  2 simple +\S.*\n +terminal: exit_with", result.output, re.M)
    assert "| notes.txt" in result.output
    assert "terminal exited with 3" in result.output
    assert "\nAll looked at.\n" in result.output
    bill = f"finished: ${provider.total_usd:.4f} for 3 calls (1 simple, 2 complex)"
    assert bill in result.output
    assert max(map(len, result.output.splitlines())) <= 80


def test_json_lines(run, provider) -> None:
    result = run("--task", "Look around.", "--json")
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [line["type"] for line in lines] == ["start", *["turn"] * 3, "end"]
    assert [line["tier"] for line in lines[1:4]] == ["complex", "simple", "complex"]
    assert sum(line["cost_usd"] for line in lines[1:4]) == pytest.approx(
        provider.total_usd
    )
    assert [line["turn"] for line in lines[1:4]] == [1, 2, 3]
    assert lines[-1]["status"] == "finished"
    assert lines[-1]["answer"] == "All looked at."
    assert lines[-1]["tiers"]["complex"] == 2


def test_a_task_from_a_file_and_a_resumed_conversation(run, provider, tmp_path) -> None:
    task = tmp_path / "task.md"
    task.write_text("Look around, says the file.")
    first = run("--task", str(task), "--json")
    assert "says the file" in json.dumps(provider.requests[0].body)
    conversation = json.loads(first.stdout.splitlines()[0])["conversation"]
    second = run("--resume", conversation, "--task", "And again.", "--json")
    assert second.exit_code == 0, second.output
    end = json.loads(second.stdout.splitlines()[-1])
    assert end["cost_usd"] == pytest.approx(provider.total_usd)


@pytest.mark.slow
def test_the_newest_conversation_goes_on_and_ids_may_be_cut(run, tmp_path) -> None:
    first = run("--task", "Look around.", "--json")
    id = json.loads(first.stdout.splitlines()[0])["conversation"]
    for words in (("--continue",), ("--resume", id[:8])):
        again = run(*words, "--task", "And again.", "--json")
        assert again.exit_code == 0, again.output
        assert json.loads(again.stdout.splitlines()[0])["conversation"] == id
    state = ["--state-dir", str(tmp_path / "state")]
    listed = CliRunner().invoke(conversations, ["list", *state])
    assert f"{id[:8]}" in listed.output
    assert "Look around." in listed.output
    shown = CliRunner().invoke(conversations, ["show", id[:6], *state, "--json"])
    told = json.loads(shown.output)
    assert (told["id"], told["answer"]) == (id, "All looked at.")
    assert told["cost_usd"] > 0
    assert run("--resume", "zz", "--task", "x").exit_code == 2


def test_an_unknown_id_is_refused_by_the_commands_own_name(tmp_path) -> None:
    words = ["conversations", "resume", "zz", "--state-dir", str(tmp_path)]
    refused = CliRunner().invoke(tiered_router, words)
    assert refused.exit_code == 2
    assert "Usage: tiered-router conversations resume" in refused.output


def test_what_changed_is_shown(run, tmp_path) -> None:
    workspace = tmp_path / "workspace"
    subprocess.run(["git", "init", "-q", str(workspace)], check=True)
    made = f"echo two > {workspace}/made.txt"
    steps = [terminal(made), Reply(tool_calls=(ToolCall("finish", {"message": "x"}),))]
    run.provider.script = lambda request: steps[request.turn % 2]
    result = run("--task", "Make a file.")
    assert re.search(r"made\.txt \| +1 \+", result.output), result.output
    assert "notes.txt |" not in result.output


def test_no_network_is_told_in_seconds(run, monkeypatch, tmp_path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    endpoint = {"base_url": f"http://127.0.0.1:{port}/v1", "model": "openai/gpt-4o"}
    config = tmp_path / "away.json"
    config.write_text(json.dumps({"tiers": {"complex": {"endpoints": [endpoint]}}}))
    begin = time.monotonic()
    result = run("--task", "Look around.", "--config", str(config))
    assert time.monotonic() - begin < 10
    assert result.exit_code == 2
    assert f"127.0.0.1:{port}/v1 cannot be reached: Connection refused" in result.output


def test_a_missing_key_is_told_once(run, monkeypatch) -> None:
    monkeypatch.delenv("LOOPBACK_KEY")
    result = run("--task", "Look around.")
    assert result.exit_code == 2
    assert result.output.count("LOOPBACK_KEY is not set") == 1
    assert "simple, complex" in result.output


def test_the_iteration_limit_has_its_own_exit_code(run) -> None:
    assert run("--task", "Look around.", "--max-iterations", "1").exit_code == 3


def test_an_error_of_the_provider_ends_with_one(run, provider) -> None:
    provider.faults.always(faults.refused(401))
    result = run("--task", "Look around.")
    assert result.exit_code == 1
    assert "rejected the key: Incorrect API key provided" in result.stderr
    assert "Tried: complex." in result.stderr
    assert "api_key_env" in result.stderr
    assert "bug report" not in result.output
    found = re.search(r"Error. Go on with: (.*)", result.stdout)
    assert found
    again = run(*found[1].split()[2:], "--json")
    (told,) = [
        line
        for line in map(json.loads, again.stdout.splitlines())
        if line["type"] == "error"
    ]
    assert (again.exit_code, told["kind"]) == (1, "auth")
    provider.faults.clear()
    assert run(*found[1].split()[2:]).exit_code == 0


def test_a_budget_has_its_own_exit_code_and_can_be_raised(run, provider) -> None:
    stopped = run("--task", "Look around.", "--budget", "0.002", "--json")
    assert stopped.exit_code == 6
    assert 0 < provider.total_usd <= 0.002
    end = json.loads(stopped.stdout.splitlines()[-1])
    assert (end["status"], end["exit_code"]) == ("paused", 6)
    refused = run("--resume", end["conversation"], "--budget", "0.002")
    assert refused.exit_code == 6
    assert "To go on, raise --budget and run again" in " ".join(refused.stderr.split())
    assert run("--resume", end["conversation"], "--budget", "1").exit_code == 0


def test_the_value_of_a_task_decides_which_tiers_serve_it(run) -> None:
    def tiers(*value: str) -> list[str]:
        result = run("--task", "Look around.", "--json", *value)
        assert result.exit_code == 0, result.output
        lines = [json.loads(line) for line in result.stdout.splitlines()]
        return [line["tier"] for line in lines if line["type"] == "turn"]

    assert tiers("--task-value", "0") == ["complex", "simple", "simple"]
    assert tiers() == tiers("--task-value", "5") == ["complex", "simple", "complex"]
    assert tiers("--task-value", "1000") == ["complex"] * 3


@pytest.mark.parametrize("value", ["-1", "much", "nan"])
def test_a_value_of_a_task_that_is_none_is_refused(run, provider, value) -> None:
    result = run("--task", "Look around.", "--task-value", value)
    assert result.exit_code == 2
    assert "task-value" in result.output
    assert not provider.requests


def test_a_guards_pause_has_its_own_exit_code_and_is_told(
    run, provider, tmp_path
) -> None:
    config = tmp_path / "router.json"
    config.write_text(
        json.dumps({**json.loads(config.read_text()), "loops": {"failures": 2}})
    )
    provider.script = lambda request: missing_file(request.turn)
    result = run("--task", "Look around.")
    assert result.exit_code == 7, result.output
    assert "loop: The last 2 actions failed, most recently" in result.output
    found = re.search(r"tiered-router run --resume ([0-9a-f]{8})", result.output)
    assert found
    again = run("--resume", found[1], "--json")
    assert again.exit_code == 7
    lines = [json.loads(line) for line in again.stdout.splitlines()]
    (told,) = [line for line in lines if line["type"] == "guard"]
    assert (told["guard"], told["paused"]) == ("loop", True)
    assert len(provider.requests) == 4


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "give a --task"),
        (["--task", "  "], "the task is empty"),
        (["--resume", "not-an-id"], "no conversation not-an"),
        (["--resume", "0" * 32], "no conversation 000"),
        (["--task", "x", "--config", "missing.toml"], "missing.toml"),
        (["--task", "x", "--max-iterations", "0"], "--max-iterations"),
    ],
)
def test_wrong_usage_is_told(run, arguments: list[str], words: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert words in result.output


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for a child")
def test_ctrl_c_pauses_and_tells_how_to_resume(run, provider, tmp_path) -> None:
    provider.faults.at(2, faults.Hang())
    arguments = ["--config", str(tmp_path / "router.json"), "--task", "Look around."]
    arguments += ["--workspace", str(tmp_path / "workspace")]
    arguments += ["--state-dir", str(tmp_path / "state")]
    program = "from openhands_tiered_router.cli.run import command; command()"
    process = subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        wait_until(lambda: len(provider.requests) == 2)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate()
    finally:
        process.kill()
    assert process.returncode == 130
    found = re.search(r"tiered-router run --resume ([0-9a-f]{8})", out)
    assert found
    assert run("--resume", found[1]).exit_code == 0


@pytest.mark.slow
def test_killed_under_a_budget_and_resumed(run, provider, tmp_path) -> None:
    """What was answered counts as billed; the call under way, as estimated."""
    provider.faults.at(2, faults.Hang())
    arguments = ["--config", str(tmp_path / "router.json"), "--task", "Look around."]
    arguments += ["--workspace", str(tmp_path / "workspace"), "--budget", "1"]
    arguments += ["--state-dir", str(tmp_path / "state")]
    program = "from openhands_tiered_router.cli.run import command; command()"
    process = subprocess.Popen([sys.executable, "-c", program, *arguments])
    wait_until(lambda: len(provider.requests) == 2)
    process.kill()
    process.wait()
    (kept,) = (tmp_path / "state").iterdir()
    id = str(UUID(kept.name))
    assert run("--resume", id, "--budget", "1").exit_code == 0
    key = Budget(name="--budget", usd=1.0).key(id, 0.0)
    assert key is not None
    books = ledger.balance(SqliteStore(tmp_path / "state.sqlite3").read(key))
    assert books.spent.usd / NANO == pytest.approx(provider.total_usd, abs=1e-8)
    assert books.spent.turns == len(provider.charged) == 3
    assert books.open.turns == 1
    assert 0 < books.open.usd < NANO / 10


def test_unverified_work_has_its_own_exit_code(run) -> None:
    """The workspace is in no repository: there is nothing to verify it by."""
    result = run("--task", "Look around.", "--verify", "--json")
    assert result.exit_code == 5, result.output
    end = json.loads(result.stdout.splitlines()[-1])
    assert end["verification"] == {"status": "unverified", "reason": "no_git"}
    again = run("--task", "Look around.", "--verify")
    assert "unverified: no_git" in again.output


@pytest.mark.parametrize(
    "task",
    ["missing.md", "/nowhere/issue", "docs/", "~/issue.TXT", "a\\b", "задача.md"],
)
def test_a_path_without_a_file_is_no_task(run, provider, task: str) -> None:
    result = run("--task", task)
    assert result.exit_code == 2
    assert f"there is no file {task}" in " ".join(result.output.split())
    assert not provider.requests


@pytest.mark.parametrize(
    "task", ["Fix", "Fix README.md", "https://a.example/issues/1", "修复登录/注册错误"]
)
def test_words_are_a_task_whatever_they_name(task: str) -> None:
    assert _task_text(task) == task


def test_a_budget_holds_for_later_runs_and_through_changes_of_the_file(
    run, provider, tmp_path
) -> None:
    config = tmp_path / "router.json"
    config.write_text(
        json.dumps(json.loads(config.read_text()) | {"reload": {"watch": True}})
    )
    first = run("--task", "Look around.", "--budget", "0.002", "--json")
    assert first.exit_code == 6
    asked = len(provider.requests)
    refused = run("--continue", "--json")
    assert refused.exit_code == 6
    assert len(provider.requests) == asked
    router = limited(router_of(str(config), None), 0.002)
    assert [b.name for b in router.settings.budgets] == ["--budget"]
    assert router.settings.config_file == str(config)
    assert router.settings.followed_file is None
    assert run("--continue", "--budget", "1").exit_code == 0


def test_a_terminal_shows_what_is_waited_for_and_is_left_as_it_was(
    run, provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    result = run("--task", "Look around.")
    assert result.exit_code == 0
    assert "Waiting for the model" in result.stderr
    assert "Running the tool" in result.stderr
    hidden, shown = "\x1b[?25l", "\x1b[?25h"
    assert result.stderr.count(hidden) == result.stderr.count(shown) > 1
    assert "Waiting" not in result.stdout
