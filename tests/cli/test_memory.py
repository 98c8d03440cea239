"""``tiered-router memory``."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from openhands_tiered_router.cli import tiered_router
from openhands_tiered_router.memory.lessons import Kind, Lesson
from openhands_tiered_router.memory.repository import repository_of
from openhands_tiered_router.memory.store import Memory


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository of which two things are known, and the configuration beside it."""
    workspace = tmp_path / "shop"
    workspace.mkdir()
    name = ["-c", "user.name=a", "-c", "user.email=a@example.invalid"]
    for words in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "x"]):
        subprocess.run(["git", *name, *words], cwd=workspace, check=True)
    config = tmp_path / "router.toml"
    path = tmp_path / "memory.sqlite3"
    config.write_text(
        f'[memory]\npath = "{path}"\n[[tiers.complex.endpoints]]\nmodel = "a/b"\n'
    )
    monkeypatch.setenv("TIERED_ROUTER_CONFIG", str(config))
    monkeypatch.chdir(workspace)
    where = repository_of(workspace)
    assert where is not None
    memory = Memory(path)
    memory.learn(where, Lesson(Kind.WORKS, "make check"))
    memory.learn(where, Lesson(Kind.DECISION, "Always keep the names"))
    return workspace


def run(*words: str) -> Result:
    return CliRunner().invoke(tiered_router, ["memory", *words])


def test_list_shows_the_newest_first(here: Path) -> None:
    done = run("list")
    assert done.exit_code == 0
    assert [line.split(":")[1].strip() for line in done.stdout.splitlines()] == [
        '"Always keep the names"',
        '"make check"',
    ]
    rows = json.loads(run("list", "--json").stdout)
    assert [row["kind"] for row in rows] == ["decision", "works"]


def test_show_says_what_would_be_told(here: Path) -> None:
    assert "not instructions" in run("show").stdout
    told = json.loads(run("show", "--json", "--request", "names").stdout)["told"]
    assert told.splitlines()[2] == '- the user said: "Always keep the names"'


def test_forget_by_number(here: Path) -> None:
    number = json.loads(run("list", "--json").stdout)[0]["id"]
    done = run("forget", str(number), "--json")
    assert json.loads(done.stdout) == {"forgotten": 1}
    assert [r["kind"] for r in json.loads(run("list", "--json").stdout)] == ["works"]


@pytest.mark.parametrize("which", ["--repository", "--all"])
def test_forget_everything(here: Path, which: str) -> None:
    done = run("forget", which)
    assert done.exit_code == 0
    assert "2 entries forgotten" in done.stderr
    assert run("list").stdout == "Nothing is remembered.\n"


def test_export_writes_a_line_an_entry(here: Path) -> None:
    rows = [json.loads(line) for line in run("export", "--all").stdout.splitlines()]
    assert {row["text"] for row in rows} == {"make check", "Always keep the names"}


def test_what_is_not_there_is_an_error(here: Path, tmp_path: Path) -> None:
    assert (done := run("forget", "99")).exit_code == 2
    assert "no entry 99" in done.stderr
    assert run("forget").exit_code == 2
    assert run("forget", "1", "--all").exit_code == 2
    done = run("list", "--workspace", str(tmp_path))
    assert done.exit_code == 2
    assert "not in a git repository" in done.stderr
