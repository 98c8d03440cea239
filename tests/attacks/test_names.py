"""17: no name of a file, a model or a conversation steers a terminal, or a CSV."""

from __future__ import annotations

import json
import re
import sqlite3
from pathlib import Path

import pytest
from click.testing import CliRunner

from openhands_tiered_router.cli import _COMMANDS, tiered_router
from openhands_tiered_router.memory.lessons import Kind, Lesson
from openhands_tiered_router.memory.repository import Repository
from openhands_tiered_router.memory.store import Memory
from tests.record.report.conftest import record


__all__ = ["record"]

EVIL = "\x1b]0;pwn\x07\x1b[2J\x9b31m\u202e\x08"
"""A title, a cleared screen, an 8-bit sequence, reversed text, a step back."""
STYLE = re.compile(r"\x1b\[[0-9;]*m")
"""What tables in colours write themselves."""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files, definitions and messages with such names, and a configuration."""
    top = tmp_path_factory.mktemp("names") / f"w{EVIL}"
    (top / "tests").mkdir(parents=True)
    (top / f"crash{EVIL}.py").write_text("def crash():\n    return 1\n")
    (top / "user.py").write_text(
        "class User:\n    def save(self):\n        return crash()\n"
    )
    (top / "tests" / f"test_{EVIL}.py").write_text(
        "from user import User\n\ndef test_save():\n    User().save()\n"
    )
    (top / "tiered-router.toml").write_text(
        "[[tiers.complex.endpoints]]\n"
        f"model = {json.dumps('openai/' + EVIL)}\n"
        'api_key_env = "NO_SUCH_VARIABLE"\n'
    )
    (top / "bad.toml").write_text(f"[{json.dumps(EVIL)}]\nx = {json.dumps(EVIL)}\n")
    messages = [{"role": "user", "content": f"Fix {EVIL}"}]
    (top / "messages.json").write_text(json.dumps(messages))
    session = {"session": EVIL, "messages": messages}
    (top / "sessions.jsonl").write_text(json.dumps(session) + "\n")
    (top / "memory.toml").write_text(
        f"memory.path = {json.dumps(str(_remembered(top)))}\n"
        '[[tiers.complex.endpoints]]\nmodel = "openai/gpt-4o"\n'
    )
    return top


def _remembered(top: Path) -> Path:
    """A memory in which every word is one, as another program may have written it."""
    path, where = top / "memory.sqlite3", Repository("key", "name", top)
    Memory(path).learn(where, Lesson(Kind.MENDS, "make check", "not found"))
    with sqlite3.connect(path) as connection:
        connection.execute(
            "UPDATE entries SET name = ?, text = ?, error = ?", [EVIL] * 3
        )
    return path


@pytest.fixture(scope="module")
def telemetry(record: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A record in which every name is one, as another program may have written it."""
    path = tmp_path_factory.mktemp("record") / f"t{EVIL}.sqlite3"
    with sqlite3.connect(record) as source, sqlite3.connect(path) as connection:
        source.backup(connection)  # the journal's part of it too
        connection.execute("UPDATE conversations SET id = id || ?", [EVIL])
        for table, column in _names(connection):
            connection.execute(
                f"UPDATE {table} SET {column} = {column} || ? "
                f"WHERE typeof({column}) = 'text'",
                [EVIL],
            )
        # The newest, so that default spans show it.
        connection.execute(
            "UPDATE decisions SET time = CAST(strftime('%s', 'now') AS REAL)"
        )
    return path


def _names(connection: sqlite3.Connection) -> list[tuple[str, str]]:
    wanted = ("model", "tool", "budget", "name")
    tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    return [
        (table, column)
        for (table,) in tables.fetchall()
        for _, column, *_ in connection.execute(f"PRAGMA table_info({table})")
        if any(word in column for word in wanted)
    ]


IN_PLACE = """\
graph build -w {top}
graph stats -w {top}
graph where -w {top} crash save user
graph where -w {top} crash --json
graph impact -w {top} user.py
graph callers -w {top} {crash}:crash
graph callees -w {top} user.py
graph tests -w {top} user.py
graph path -w {top} user.py {crash}
graph path -w {top} user.py nowhere{evil}
graph export -w {top}
graph view -w {top} -o {out}/graph.html
explain -w {top} -m {top}/messages.json -c {top}/tiered-router.toml
explain -w {top} -m {top}/messages.json --json -c {top}/tiered-router.toml
doctor -c {top}/tiered-router.toml
doctor -c {top}/tiered-router.toml --json
doctor -c {top}/bad.toml
doctor -c {top}/no{evil}.toml
config show -c {top}/tiered-router.toml
config check -c {top}/tiered-router.toml
config export --for env --config {top}/tiered-router.toml
config show -c {top}/bad.toml
route --config {top}/tiered-router.toml
replay {top}/sessions.jsonl -c {top}/tiered-router.toml
replay {top}/sessions.jsonl -c {top}/tiered-router.toml --json
replay {top}/no{evil}.jsonl
memory list --workspace {top} --config {top}/tiered-router.toml
memory show --workspace {top} --request {evil} --config {top}/bad.toml
report --since 2020-01-01 --telemetry {t}
report --since 2020-01-01 --telemetry {t} --details
report --since 2020-01-01 --telemetry {t} --conversations
report --since 2020-01-01 --telemetry {t} --misroutes
report --since 2020-01-01 --telemetry {t} --json
report --since 2020-01-01 --telemetry {t} --html {out}/report.html
report --since 2020-01-01 --telemetry {t} --conversation x{evil}
telemetry stats --telemetry {t}
telemetry export --telemetry {t}
telemetry export --telemetry {t} --format csv
telemetry purge --telemetry {t} x{evil}
watch --once --all --telemetry {t}
watch --once --all --json --telemetry {t}
status --telemetry {t}
verdict --rates --telemetry {t}
verdict x{evil} --accepted --telemetry {t}
advise --model openai/{evil}
calibrate {top}/sessions.jsonl
calibrate {top}/no{evil}.jsonl
memory list --all --config {top}/memory.toml
memory list --all --json --config {top}/memory.toml
memory export --all --config {top}/memory.toml
memory show --workspace {top} --config {top}/memory.toml
memory list --config {top}/no{evil}.toml
conversations list
conversations show x{evil}
skills list {top}
skills repo {top}
keys list --config {top}/bad.toml
keys add {evil} --config {top}/tiered-router.toml
serve --config {top}/bad.toml
metrics --telemetry {t} --config {top}/bad.toml
run --task x --workspace {top} --config {top}/bad.toml
resolve {evil} --config {top}/bad.toml
init --path {top}/tiered-router.toml
""".splitlines()
SHOWS_NONE = {"demo"}
"""Commands that show names of our own alone."""


def test_every_command_is_tried() -> None:
    tried = {line.split()[0] for line in IN_PLACE}
    assert tried | SHOWS_NONE == _COMMANDS.keys()


@pytest.mark.parametrize("line", IN_PLACE)
def test_17_no_command_writes_a_control_character(
    line: str,
    place: Path,
    telemetry: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(place.parent / "cache"))
    names = {
        "top": place, "t": telemetry, "evil": EVIL, "out": tmp_path,
        "crash": f"crash{EVIL}.py",
    }  # fmt: skip
    arguments = [word.format(**names) for word in line.split()]
    given = json.dumps({"id": EVIL, "messages": [{"role": "user", "content": EVIL}]})
    done = CliRunner().invoke(tiered_router, arguments, input=given, color=True)
    assert done.exception is None or isinstance(done.exception, SystemExit), done
    text = STYLE.sub("", done.stdout + done.stderr)
    steering = {c for c in text if not c.isprintable() and c not in "\n\t"}
    assert not steering, text
    if "--json" in arguments and done.exit_code == 0:
        _check_json(done.stdout)
    for page in tmp_path.glob("*.html"):
        assert "\x1b" not in page.read_text(encoding="utf-8")


def _check_json(text: str) -> None:
    """What was escaped is JSON still: one value, or one a line."""
    try:
        json.loads(text)
    except json.JSONDecodeError:
        assert all(map(json.loads, text.splitlines()))


def test_the_names_are_shown(place: Path, telemetry: Path, tmp_path: Path) -> None:
    """Else the test above would see nothing."""
    for line in (
        f"graph|where|-w|{place}|crash",
        f"report|--since|2020-01-01|--details|--telemetry|{telemetry}",
        f"telemetry|export|--format|csv|--telemetry|{telemetry}",
        f"doctor|-c|{place}/tiered-router.toml",
        f"memory|list|--all|--config|{place}/memory.toml",
    ):
        # At 80 columns a name is cut short.
        wide = CliRunner(env={"COLUMNS": "200"})
        done = wide.invoke(tiered_router, line.split("|"), color=True)
        assert re.search(r"\\(u001b|x1b)\]0;pwn", done.output), done.output
