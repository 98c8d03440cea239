"""``report``: what it says, and what it does not."""

import base64
import hashlib
import json
import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from openhands_tiered_router.calls.settings import StateSettings
from openhands_tiered_router.calls.state.stores import durable_store_for, forget_stores
from openhands_tiered_router.cli import tiered_router
from openhands_tiered_router.guards.budget.ledger import Entry, reserve
from openhands_tiered_router.guards.budget.limits import NANO, Spend
from openhands_tiered_router.policy.decision import Reason
from openhands_tiered_router.record.telemetry.records import (
    Call,
    GuardEvent,
    Record,
    replace,
)
from openhands_tiered_router.record.telemetry.store import Store
from tests.cli.recorded import records, run


def test_the_first_line_is_one_sentence(file: Path) -> None:
    said = run("report", "--telemetry", file).stdout.splitlines()
    assert said[0] == (
        "Last 7 days: $0.0017 for 1 task; <b>large alone would have cost about $0.0085."
    )
    assert "too few to predict the next ones" in said[1]


def test_a_screen_is_a_screen(file: Path) -> None:
    """At 80 columns and 24 lines, as a terminal opens."""
    runner = CliRunner(env={"COLUMNS": "80"})
    said = runner.invoke(tiered_router, ["report", "--telemetry", str(file)]).stdout
    assert len(said.splitlines()) <= 23
    assert max(map(len, said.splitlines())) <= 80
    assert "0 of 1 judged task solved" in said
    assert "1 of 1 judged turns went to too weak a tier" in said


def test_details_say_what_is_not_known(file: Path) -> None:
    said = run("report", "--telemetry", file, "--details").stdout
    assert "always complex (<b>large)" in said
    assert re.search(r"breaker: opened +complex +1", said)
    assert re.search(r"whole call, s +simple +1 +2\.00 +too few +too few", said)


def test_json_has_the_same_figures(file: Path) -> None:
    found = json.loads(run("report", "--telemetry", file, "--json").stdout)
    assert found["savings"]["spent"] == pytest.approx(0.0017)
    dear = found["savings"]["alternatives"][0]
    assert dear["usd"] == pytest.approx(1_000 * 6e-6 + 100 * 2.5e-5)
    assert dear["saving"]["low"] is None
    assert found["until"] is None
    assert found["solved"]["failed"] == 1
    assert found["tasks"][0]["too_weak"] == 1
    assert found["tiers"][0]["key"] == ["simple"]


def test_every_command_that_is_printed_beside_a_mistake_works(file: Path) -> None:
    said = run("report", "--misroutes", "--telemetry", file).stdout
    assert "Simple, too weak a tier: a hard turn, $0.0017" in said
    assert "a hard turn on the weaker of two tiers" in said
    assert "turn 1 of conversation talk" in said
    commands = re.findall(r"^  tiered-router (.+)$", said, re.MULTILINE)
    assert [c.split()[0] for c in commands] == ["explain", "report"]
    for command in commands:
        result = run(*command.split())
        assert result.exit_code == 0, result.output
    explained = run(*commands[0].split(), "--json")
    assert json.loads(explained.stdout)["tier"] == "simple"


@pytest.mark.parametrize("given", ["1f0c0c62", "1f0c0c6200004", "1f0c0c62-0000-4000"])
def test_the_beginning_of_an_id_is_enough(tmp_path: Path, given: str) -> None:
    path, name = tmp_path / "t.sqlite3", "1f0c0c62-0000-4000-8000-000000000000"
    store = Store(path)
    for other in (name, "2" + name[1:]):
        found = records(time.time() - 30)
        called = [replace(r, conversation_id=other) for r in found if type(r) is Call]
        store.write([replace(c, id=f"{other}-decision") for c in called])
    store.close()
    said = run("report", "--telemetry", path, "--conversation", given).stdout
    assert said.startswith("Conversation 1f0c0c62: $0.0017 for 1 task")
    lines = run("telemetry", "export", "--telemetry", path, "--conversation", given)
    assert json.loads(lines.stdout)["conversation_id"] == name
    assert run("verdict", given, "--accepted", "--telemetry", path).exit_code == 0
    purged = run("telemetry", "purge", given, "--telemetry", path)
    assert purged.stdout == f"Removed {name}, 1 decision\n"


def test_ids_that_fit_none_or_several_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.sqlite3"
    store = Store(path)
    for name in ("abc1", "abc2"):
        called = [r for r in records(time.time()) if type(r) is Call]
        store.write([replace(c, conversation_id=name, id=name) for c in called])
    store.close()
    several = run("report", "--telemetry", path, "--conversation", "abc")
    assert several.exit_code == 2
    assert "abc1, abc2; give more of it" in several.stderr
    none = run("report", "--telemetry", path, "--conversation", "x")
    assert none.exit_code == 2
    assert "no conversation 'x' is recorded" in none.stderr
    assert run("report", "--telemetry", path, "--conversation", "abc1").exit_code == 0


def test_conversations_are_listed(file: Path) -> None:
    said = run("report", "--telemetry", file, "--conversations").stdout
    assert re.search(r"talk +\S+ \S+ +1 +\$0.0017 +\$0.0085 +1 +rejected", said)


SCRIPT = re.compile(r"<script[^>]*>(.*?)</script>", re.DOTALL)


def test_the_page_needs_nothing_else_and_escapes_names(
    file: Path, tmp_path: Path
) -> None:
    page = tmp_path / "page.html"
    assert run("report", "--telemetry", file, "--html", page).exit_code == 0
    text = page.read_text("utf-8")
    assert "&lt;b&gt;large alone would have cost" in text
    assert "<b>large" not in text
    data, script = SCRIPT.findall(text)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert "default-src 'none'; style-src 'unsafe-inline'; " in text
    assert f"script-src 'sha256-{digest}'" in text
    assert not re.search(r"""(?:src|href|url)\s*[=(]|https?://(?!www\.w3\.org)""", text)
    assert "innerHTML" not in script
    (task,) = json.loads(data)["conversations"]
    (turn,) = task["list"]
    assert (turn["turn"], turn["tier"], turn["provision"]) == (1, "simple", "under")
    assert turn["alone"] == pytest.approx(0.0085)
    assert "too few to predict the next ones" in text


def test_no_name_ends_the_pages_data(tmp_path: Path) -> None:
    path, page = tmp_path / "t.sqlite3", tmp_path / "page.html"
    evil = "</script><script>alert(1)</script><!--"
    store = Store(path)
    for record in records(time.time() - 30):
        if isinstance(record, Call) and record.explanation:
            why = replace(record.explanation, reasons=(Reason(evil, evil),))
            record = replace(record, explanation=why, model=evil, served_model=evil)
        store.write([replace(record, conversation_id=evil)])
    store.close()
    run("report", "--telemetry", path, "--html", page)
    text = page.read_text("utf-8")
    data, _ = SCRIPT.findall(text)
    (task,) = json.loads(data)["conversations"]
    assert task["conversation_id"] == evil
    assert task["list"][0]["why"] == [f"{evil}: {evil}"]
    assert "<script>alert" not in text


def test_nothing_secret_in_what_is_shown(file: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    shown = [
        run("report", "--telemetry", file, "--html", page).output,
        run("report", "--telemetry", file, "--json").output,
        run("report", "--telemetry", file, "--misroutes").output,
        run("watch", "--telemetry", file, "--once").output,
        run("watch", "--telemetry", file, "--once", "--json").output,
        run("status", "--telemetry", file).output,
        page.read_text("utf-8"),
    ]
    assert all(shown)
    for text in shown:
        assert "sk-ant" not in text


def without_price(found: Record) -> Record:
    if isinstance(found, Call):
        return replace(found, cost=None)
    return found


@pytest.mark.parametrize(
    ("keep", "said"),
    [
        (
            lambda r: [x for x in r if isinstance(x, GuardEvent)],
            "calls were recorded",
        ),
        (lambda r: list(map(without_price, r)), "without a known price"),
    ],
)
def test_what_is_not_known_is_not_claimed(
    tmp_path: Path, keep: Callable[[list[Record]], list[Record]], said: str
) -> None:
    path, page = tmp_path / "telemetry.sqlite3", tmp_path / "page.html"
    store = Store(path)
    store.write(keep(list(records(time.time() - 30))))
    store.close()
    shown = run("report", "--telemetry", path, "--html", page).stdout
    text = page.read_text("utf-8")
    for each in (shown, text):
        assert said in each
        assert "$0" not in each
        assert "nan" not in each


def test_what_is_left_of_budgets(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIERED_ROUTER_STATE", str(tmp_path / "state.sqlite3"))
    forget_stores()
    config = tmp_path / "tiered-router.toml"
    config.write_text(
        """
        [[tiers.simple.endpoints]]
        model = "anthropic/claude-haiku-4-5"
        [[budgets]]
        name = "me"
        scope = "project"
        usd = 20.0
        [[budgets]]
        name = "task"
        turns = 8
        """
    )
    entry = Entry(id="call", owner="me", label="turn", expected=Spend(usd=5 * NANO))
    durable_store_for(StateSettings()).apply("budget:project:me", reserve(entry, ()))
    said = run("report", "--telemetry", file, "--config", config).stdout
    assert "project (me): $5.00 of $20.00, 75% left" in said
    assert "8 turns" not in said
    said = run(
        "report", "--telemetry", file, "--config", config, "--conversation", "talk"
    )
    assert "conversation (task): 0 turns of 8 turns, 100% left" in said.stdout
    monkeypatch.chdir(tmp_path)
    page = tmp_path / "page.html"
    assert run("report", "--telemetry", file, "--html", page).exit_code == 0
    assert "project (me): $5.00 of $20.00, 75% left" in page.read_text()
    config.write_text("budgets = 3")
    assert run("report", "--telemetry", file, "--html", page).exit_code == 0
    assert "Name the configuration" in page.read_text()
    broken = run("report", "--telemetry", file, "--config", config)
    assert broken.exit_code == 2
    assert str(config) in broken.stderr
    forget_stores()


def test_a_record_that_was_named_and_is_not_there(tmp_path: Path) -> None:
    arguments = ["report", "--telemetry", str(tmp_path / "typo.sqlite3")]
    result = CliRunner().invoke(tiered_router, arguments)
    assert result.exit_code == 2
    assert "typo.sqlite3 does not exist" in result.stderr


def test_a_page_that_cannot_be_written(file: Path, tmp_path: Path) -> None:
    result = run("report", "--telemetry", file, "--html", tmp_path / "no" / "p.html")
    assert result.exit_code == 2
    assert "cannot be written" in result.stderr


@pytest.mark.parametrize("since", ["soon", "7x", "-1d"])
def test_a_time_that_is_none(since: str) -> None:
    result = run("report", f"--since={since}")
    assert result.exit_code == 2
    assert "neither like 7d" in result.stderr
