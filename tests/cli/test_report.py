import json
import re
import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from openhands_tiered_router.calls.state.settings import StateSettings
from openhands_tiered_router.calls.state.stores import durable_store_for, forget_stores
from openhands_tiered_router.cli import tiered_router
from openhands_tiered_router.guards.budget.ledger import Entry, reserve
from openhands_tiered_router.guards.budget.limits import NANO, Spend
from openhands_tiered_router.policy.decision import Candidate, Decision, Reason
from openhands_tiered_router.policy.outcome import Attempt, Outcome, Usage
from openhands_tiered_router.record.telemetry.records import (
    DecisionRecord,
    GuardEvent,
    OutcomeRecord,
    Record,
    ToolResult,
    ToolStatus,
    Verdict,
)
from openhands_tiered_router.record.telemetry.store import Store
from openhands_tiered_router.tiers import Endpoint, Prices, Tier, TierSet


KEY = "sk-ant-api03-" + "Zq7" * 20
NAME = "01977d5f-35c9-7000-8be1-5f560fb96e35"
DEAR = Prices(input=5e-6, output=2.5e-5, cache_read=5e-7, cache_write=6e-6)
CHEAP = Prices(input=1e-6, output=5e-6, cache_read=1e-7, cache_write=1.2e-6)
TIERS = TierSet(
    (
        Endpoint(key="simple", tier=Tier.SIMPLE, model="m/small", prices=CHEAP),
        Endpoint(key="complex", tier=Tier.COMPLEX, model="m/<b>large", prices=DEAR),
    )
)


def records(now: float) -> Iterator[Record]:
    """One hard turn that the weak tier served and failed; a breaker that opened."""
    decision = Decision(
        tier=Tier.SIMPLE,
        endpoint="simple",
        fallbacks=("complex",),
        need=Tier.SIMPLE,
        score=0.4,
        p_mechanical=0.8,
        candidates=(
            Candidate(
                endpoint="simple", tier=Tier.SIMPLE, cost_now=0.001, cost_return=0.0
            ),
            Candidate(
                endpoint="complex", tier=Tier.COMPLEX, cost_now=0.01, cost_return=0.0
            ),
        ),
        reasons=(Reason("economics", f"cheaper; {KEY}"),),
        dimensions=(),
        policy="rules",
    )
    yield DecisionRecord(
        decision_id=NAME,
        conversation_id="talk",
        turn=0,
        time=now,
        model="m/small",
        overhead_us=200.0,
        decision=decision,
        tiers=TIERS,
    )
    outcome = Outcome(
        endpoint="simple",
        attempts=(Attempt(endpoint="simple", error=None, seconds=2.0),),
        usage=Usage(prompt=1_000, completion=100, cache_read=0, cache_write=1_000),
        cost=0.0017,
        seconds=2.0,
        first_token_seconds=0.5,
        response_id="answer",
    )
    yield OutcomeRecord(
        decision_id=NAME,
        conversation_id="talk",
        time=now,
        outcome=outcome,
        tier=Tier.SIMPLE,
        model="m/small",
    )
    yield ToolResult(
        conversation_id="talk",
        response_id="answer",
        tool_call_id="call",
        tool_name=f"terminal {KEY}",
        time=now + 1,
        status=ToolStatus.DONE,
        action_kind="edit",
        exit_code=1,
        is_error=True,
        failed=True,
        seconds=0.1,
    )
    yield Verdict(
        conversation_id="talk",
        time=now + 2,
        accepted=False,
        reason="tests_fail",
        tests=1,
    )
    yield GuardEvent(
        conversation_id="talk",
        time=now + 2,
        guard="breaker",
        kind="opened",
        detail={"endpoint": "complex", "error": "overloaded"},
    )
    yield GuardEvent(
        conversation_id="talk",
        time=now + 2,
        guard="budget",
        kind="soft_limit",
        detail={"limit": "day"},
    )


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "telemetry.sqlite3"
    store = Store(path)
    store.write(list(records(time.time() - 30)))
    store.close()
    return path


def run(*args: object) -> Result:
    return CliRunner(env={"COLUMNS": "200"}).invoke(tiered_router, [*map(str, args)])


def test_the_terminal_says_what_it_does_not_know(file: Path) -> None:
    said = run("report", "--telemetry", file).stdout
    assert "$0.0017" in said
    assert "too few conversations for an interval" in said
    assert "m/<b>large" in said
    assert "not known: no verdicts of people or CI yet" in said
    assert "breaker" in said


def test_json_has_the_same_figures(file: Path) -> None:
    found = json.loads(run("report", "--telemetry", file, "--json").stdout)
    assert found["savings"]["spent"] == pytest.approx(0.0017)
    dear = found["savings"]["alternatives"][0]
    assert dear["usd"] == pytest.approx(1_000 * 6e-6 + 100 * 2.5e-5)
    assert dear["saving"]["low"] is None
    assert found["until"] is None
    assert found["solved"][0]["failed"] == 1


def test_a_misroute_can_be_explained(file: Path) -> None:
    said = run("report", "--misroutes", "--telemetry", file).stdout
    assert "under-provisioned" in said
    assert "leaked" in said
    found = re.search(r"tiered-router (explain --decision \S+)", said)
    assert found is not None
    explained = run(*found[1].split(), "--telemetry", file, "--json")
    assert json.loads(explained.stdout)["tier"] == "simple"


def test_the_page_needs_nothing_else_and_escapes_names(
    file: Path, tmp_path: Path
) -> None:
    page = tmp_path / "page.html"
    assert run("report", "--telemetry", file, "--html", page).exit_code == 0
    text = page.read_text("utf-8")
    assert "m/&lt;b&gt;large" in text
    assert "<script" not in text
    assert not re.search(r"""(?:src|href|url)\s*[=(]|https?://""", text)
    # Of one call no percentile and no calibration is drawn.
    assert text.count("<svg") == 3
    assert "too few to say anything of the next ones" in text
    assert "saved against the top model" not in text


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


def test_percentiles_are_told_apart_by_what_is_asked(
    file: Path, tmp_path: Path
) -> None:
    said = run("report", "--telemetry", file, "--latency-by", "endpoint").stdout
    assert re.search(r"whole call, s +simple +1 +2\.00 +too few +too few", said)
    page = tmp_path / "page.html"
    run("report", "--telemetry", file, "--html", page)
    text = page.read_text("utf-8")
    for by in ("tier", "endpoint", "day"):
        assert f"<summary>By {by}</summary>" in text


def without_price(found: Record) -> Record:
    if isinstance(found, OutcomeRecord):
        return replace(found, outcome=replace(found.outcome, cost=None))
    return found


@pytest.mark.parametrize(
    ("keep", "said"),
    [
        (lambda r: [x for x in r if isinstance(x, GuardEvent)], "Nothing is on record"),
        (lambda r: r[:1], "1 call without an outcome on record (yet)."),
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
    assert re.search(r"project: me, usd +5 +20 +75%", said)
    assert "task, turns" not in said
    said = run(
        "report", "--telemetry", file, "--config", config, "--conversation", "talk"
    )
    assert re.search(r"conversation: task, turns +0 +8 +100%", said.stdout)
    config.write_text("budgets = 3")
    broken = run("report", "--telemetry", file, "--config", config)
    assert broken.exit_code == 2
    assert str(config) in broken.stderr
    forget_stores()


def test_a_page_that_cannot_be_written(file: Path, tmp_path: Path) -> None:
    result = run("report", "--telemetry", file, "--html", tmp_path / "no" / "p.html")
    assert result.exit_code == 2
    assert "cannot be written" in result.stderr


@pytest.mark.parametrize("since", ["soon", "7x", "-1d"])
def test_a_time_that_is_none(since: str) -> None:
    result = run("report", f"--since={since}")
    assert result.exit_code == 2
    assert "neither like 7d" in result.stderr


def test_watch_shows_what_runs(file: Path) -> None:
    said = run("watch", "--telemetry", file, "--once").stdout
    assert "soft_limit (day)" in said
    assert "open breakers: complex" in said
    line = json.loads(run("watch", "--telemetry", file, "--once", "--json").stdout)
    (running,) = line["running"]
    assert running["cost"] == pytest.approx(0.0017)
    assert running["instead"] == "complex"
    assert running["instead_usd"] == pytest.approx(0.0085)
    assert line["turns"][0]["decision"] == NAME
    assert run("watch", "--telemetry", file, "--once", "--within", 1).stdout.endswith(
        "Nothing runs.\n"
    )


def test_status_is_one_line(file: Path) -> None:
    result = run("status", "--telemetry", file)
    assert result.exit_code == 0
    assert result.stdout.count("\n") == 1
    for part in ("simple turn 0 $0.0017", "80% below always complex", "open: complex"):
        assert part in result.stdout


def test_status_never_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "broken.sqlite3"
    broken.write_bytes(b"no database, " * 100)
    other = tmp_path / "other.sqlite3"
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE t (x)")
    for path, said in (
        (tmp_path / "none", "no telemetry"),
        (broken, "unreadable"),
        (other, "unreadable"),
        (tmp_path, "unreadable"),
    ):
        result = run("status", "--telemetry", path)
        assert result.exit_code == 0
        assert said in result.stdout
    monkeypatch.setenv("TIERED_ROUTER_TELEMETRY", "off")
    assert run("status").stdout == "telemetry off\n"


def test_unreadable_files_are_named(tmp_path: Path) -> None:
    broken = tmp_path / "broken.sqlite3"
    broken.write_bytes(b"no database, " * 100)
    for command in ("report", "watch"):
        result = run(command, "--telemetry", broken)
        assert result.exit_code == 2
        assert str(broken) in result.stderr
