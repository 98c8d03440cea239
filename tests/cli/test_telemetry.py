"""``tiered-router telemetry``: what is recorded, exported and removed."""

from __future__ import annotations

import csv
import io
import json
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from openhands_tiered_router.cli import tiered_router
from openhands_tiered_router.policy.decision import Decision
from openhands_tiered_router.policy.outcome import Outcome, Usage
from openhands_tiered_router.record.telemetry.records import TextRecord, routed
from openhands_tiered_router.record.telemetry.store import Store
from openhands_tiered_router.tiers import Tier
from tests.cli.recorded import TIERS


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "t.sqlite3"
    store = Store(path)
    for name, turns in (("a", 2), ("b", 1)):
        for n in range(turns):
            decision = Decision(
                tier=Tier.SIMPLE, endpoint="simple", required=Tier.SIMPLE
            )
            outcome = Outcome(
                endpoint="complex",
                attempts=(),
                usage=Usage(prompt=7),
                cost=0.25,
                response_id="r",
            )
            key = f"{name}{n}"
            store.write(
                [
                    routed(
                        decision,
                        outcome,
                        decision_id=key,
                        conversation_id=name,
                        time=1.0 + n,
                        turn=n,
                        tiers=TIERS,
                    )
                ]
            )
    store.close()
    return path


LOST = Outcome(endpoint=None, attempts=())


def ask(*arguments: str | Path) -> Result:
    return CliRunner().invoke(tiered_router, ["telemetry", *map(str, arguments)])


def test_stats_counts(file: Path) -> None:
    found = json.loads(ask("stats", "--json", "--telemetry", file).stdout)
    assert (found["conversations"], found["decisions"]) == (2, 3)
    assert found["bytes"] == file.stat().st_size
    shown = ask("stats", "--telemetry", file).stdout
    assert str(file) in shown
    assert "3 decisions" in shown


def test_stats_of_a_missing_file_are_nought(tmp_path: Path) -> None:
    path = tmp_path / "none.sqlite3"
    assert json.loads(ask("stats", "--json", "--telemetry", path).stdout)["bytes"] == 0
    assert not path.exists()


def test_json_lines_and_csv_hold_the_same(file: Path) -> None:
    lines = ask("export", "--telemetry", file).stdout.splitlines()
    rows = [json.loads(line) for line in lines]
    assert [r["id"] for r in rows] == ["a0", "b0", "a1"]
    assert [r["conversation_id"] for r in rows] == ["a", "b", "a"]
    assert (rows[0]["tier"], rows[0]["served_tier"]) == ("simple", "complex")
    assert (rows[0]["cost"], rows[0]["prompt_tokens"]) == (0.25, 7)
    text = ask("export", "--telemetry", file, "--format", "csv").stdout
    table = list(csv.DictReader(io.StringIO(text)))
    blank = [{k: "" if v is None else str(v) for k, v in r.items()} for r in rows]
    assert table == blank


def test_an_export_goes_to_a_file_and_takes_one_conversation(
    file: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.jsonl"
    done = ask("export", "--telemetry", file, "--conversation", "b", "--out", out)
    assert done.stderr == "1 decision\n"
    assert json.loads(out.read_text())["id"] == "b0"
    assert ask("export", "--telemetry", file, "--days", "1").stdout == ""


def test_texts_are_exported_where_asked_for_and_can_be_removed(
    file: Path, tmp_path: Path
) -> None:
    store = Store(file)
    said = TextRecord(decision_id="a1", request='Say "x",\nplease.', answer=None)
    store.write([said])
    store.close()
    assert "please" not in ask("export", "--telemetry", file).stdout
    lines = ask("export", "--texts", "--telemetry", file).stdout.splitlines()
    rows = [json.loads(line) for line in lines]
    assert [r["request"] for r in rows] == [None, None, said.request]
    table = ask("export", "--texts", "--telemetry", file, "--format", "csv").stdout
    read = list(csv.DictReader(io.StringIO(table)))
    assert [(r["request"], r["answer"]) for r in read][2] == (said.request, "")
    assert json.loads(ask("stats", "--json", "--telemetry", file).stdout)["texts"] == 1
    assert "what users and models said" in ask("stats", "--telemetry", file).stdout
    assert ask("purge", "a", "--texts", "--telemetry", file).exit_code == 2
    done = ask("purge", "--texts", "--telemetry", file)
    assert done.stdout == "Removed the texts of 1 call\n"
    assert "please" not in ask("export", "--texts", "--telemetry", file).stdout


def test_purge_removes_one_and_knows_when_there_is_none(file: Path) -> None:
    done = ask("purge", "a", "--telemetry", file)
    assert done.stdout == "Removed a, 2 decisions\n"
    left = ask("export", "--telemetry", file).stdout
    assert [json.loads(n)["id"] for n in left.splitlines()] == ["b0"]
    done = ask("purge", "b", "--json", "--telemetry", file)
    assert json.loads(done.stdout) == {"conversation": "b", "decisions": 1}
    again = ask("purge", "a", "--telemetry", file)
    assert again.exit_code == 2
    assert "no conversation 'a'" in again.stderr


def test_a_file_that_is_no_telemetry_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("x" * 5_000)
    for command in (["stats"], ["export"], ["purge", "a"]):
        failed = ask(*command, "--telemetry", path)
        assert failed.exit_code == 2
        assert "notes.txt" in failed.stderr


def test_a_spreadsheet_gets_no_formula(tmp_path: Path) -> None:
    path = tmp_path / "t.sqlite3"
    store = Store(path)
    named = Decision(tier=Tier.SIMPLE, endpoint="=cmd()", required=Tier.SIMPLE)
    store.write([routed(named, LOST, decision_id="d", conversation_id="c", time=1.0)])
    store.close()
    text = ask("export", "--telemetry", path, "--format", "csv").stdout
    (row,) = csv.DictReader(io.StringIO(text))
    assert row["endpoint"] == "'=cmd()"


def test_control_characters_in_names_reach_neither_terminal_nor_table(
    tmp_path: Path,
) -> None:
    path = tmp_path / "t.sqlite3"
    store = Store(path)
    endpoint, conversation = "a\x1b[2J\u202eb", "c\x1b]0;title\x07"
    named = Decision(tier=Tier.SIMPLE, endpoint=endpoint, required=Tier.SIMPLE)
    now = time.time()
    store.write(
        [
            routed(
                named, LOST, decision_id="d", conversation_id=conversation, time=now
            ),
            TextRecord(decision_id="d", request="x", answer=None),
        ]
    )
    store.close()
    text = ask("export", "--telemetry", path, "--format", "csv").stdout
    (row,) = csv.DictReader(io.StringIO(text))
    assert row["endpoint"] == "a\ufffd[2J\ufffdb"
    page = tmp_path / "page.html"
    for words in (["--details"], ["--conversations"], ["--html", str(page)]):
        shown = CliRunner().invoke(
            tiered_router, ["report", "--telemetry", str(path), *words]
        )
        assert shown.exit_code == 0
        assert not {"\x1b", "\x07", "\u202e"} & set(shown.output)
    assert not {"\x1b", "\x07", "\u202e"} & set(page.read_text("utf-8"))
