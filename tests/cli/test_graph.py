import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from openhands_tiered_router.cli.graph import command


type Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command on a small project, with a cache of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    root = tmp_path / "project"
    (root / "tests").mkdir(parents=True)
    (root / "money.py").write_text(
        "class Money:\n    def add(self, other):\n        return self\n"
        "\n\ndef parse_amount(text):\n    return Money().add(text)\n"
    )
    (root / "lonely.py").write_text("def alone(): ...\n")
    (root / "tests/test_money.py").write_text(
        "from money import parse_amount\n\n\n"
        "def test_parse():\n    assert parse_amount('1')\n"
    )

    def run(name: str, *arguments: str, text: str | None = None) -> Result:
        line = [name, "-w", str(root), *arguments]
        return CliRunner().invoke(command, line, input=text, catch_exceptions=False)

    return run


def answer(result: Result, code: int = 0) -> object:
    assert result.exit_code == code, result.output
    return json.loads(result.stdout)


def test_build_tells_what_is_in_the_graph(run: Run) -> None:
    first = answer(run("build", "--json"))
    again = answer(run("build", "--json"))

    assert isinstance(first, dict)
    assert isinstance(again, dict)
    assert (first["files"], first["definitions"]) == (3, 5)
    assert again["files"] == 3
    assert "3 files, 5 definitions" in run("build").output


def test_where_ranks_files_and_definitions(run: Run) -> None:
    found = answer(run("where", "cannot parse an amount", "--json", "-n", "1"))

    assert isinstance(found, dict)
    assert [hit["node"] for hit in found["files"]] == ["money.py"]
    assert found["definitions"][0]["node"] == "money.py::parse_amount"
    assert 0 <= found["file_ambiguity"]["fifth_to_first"] <= 1


def test_standard_error_is_empty_where_nothing_is_wrong(run: Run) -> None:
    assert run("build", "--fresh").stderr == ""


def test_where_reads_standard_input(run: Run) -> None:
    assert "money.py" in run("where", "-", text="cannot parse an amount").output


def test_where_finds_nothing(run: Run) -> None:
    result = run("where", "quantum chromodynamics")

    assert result.exit_code == 1
    assert "nothing in this workspace" in result.stderr


def test_impact_of_a_symbol(run: Run) -> None:
    found = answer(run("impact", "money.py:Money.add", "--json"))

    assert isinstance(found, dict)
    assert found["changed"] == ["money.py::Money.add"]
    assert [(d["node"], d["depth"]) for d in found["dependents"][:1]] == [
        ("money.py::parse_amount", 1)
    ]
    assert found["within"][0] == 1


def test_impact_of_a_file(run: Run) -> None:
    assert "tests/test_money.py" in run("impact", "./money.py").output


def test_callers_callees_and_path(run: Run) -> None:
    found = answer(run("callers", "money.py:parse_amount", "--json"))
    assert isinstance(found, dict)
    assert [(use["path"], use["line"]) for use in found["uses"]] == [
        ("tests/test_money.py", 5)
    ]
    assert "tests/test_money.py:5" in run("callers", "money.py:parse_amount").output
    assert "money.py::Money.add" in run("callees", "money.py:parse_amount").output
    found = answer(run("path", "tests/test_money.py", "money.py:Money.add", "--json"))
    assert isinstance(found, dict)
    assert [use["line"] for use in found["uses"]] == [1, 7]  # an import, a call
    assert run("callers", "lonely.py").exit_code == 1


def test_impact_of_a_diff(run: Run, tmp_path: Path) -> None:
    root = tmp_path / "project"
    git = ("git", "-c", "user.name=n", "-c", "user.email=e", "-C", str(root))
    assert run("impact", "--diff").exit_code == 1
    for words in (("init", "-q"), ("add", "."), ("commit", "-qm", "Start")):
        subprocess.run((*git, *words), check=True)
    assert run("impact", "--diff").output == "nothing in the graph differs from HEAD\n"
    unknown = run("impact", "--diff", "nope")
    assert unknown.exit_code == 1
    assert "against 'nope': there is no such commit" in unknown.stderr
    text = (root / "money.py").read_text()
    (root / "money.py").write_text(text.replace("return self", "return other"))
    found = answer(run("impact", "--diff", "--json"))
    assert isinstance(found, dict)
    assert found["changed"] == ["money.py::Money.add"]
    assert [test["node"] for test in found["tests"]] == [
        "tests/test_money.py::test_parse"
    ]
    assert "test_parse" in run("impact", "--diff", "HEAD").output
    assert run("impact").exit_code == 2
    assert run("impact", "money.py", "--diff", "HEAD").exit_code == 2


def test_tests_that_reach_a_symbol(run: Run) -> None:
    found = answer(run("tests", "money.py:parse_amount", "--json"))

    assert isinstance(found, dict)
    assert [test["node"] for test in found["tests"]] == [
        "tests/test_money.py::test_parse"
    ]
    assert found["total"] == 1


def test_no_tests_is_exit_code_one(run: Run) -> None:
    found = answer(run("tests", "lonely.py", "--json"), code=1)

    assert isinstance(found, dict)
    assert found["tests"] == []


def test_a_symbol_alone_is_enough_where_one_file_defines_it(
    run: Run, tmp_path: Path
) -> None:
    by_name = answer(run("callers", "Money.add", "--json"))
    assert by_name == answer(run("callers", "money.py:Money.add", "--json"))

    (tmp_path / "project/more.py").write_text("class Other:\n    def add(self): ...\n")
    assert answer(run("callers", "Money.add", "--json")) == by_name
    both = run("callers", "add")
    assert both.exit_code == 1
    assert "say which, as in money.py:add, more.py:add" in both.stderr


@pytest.mark.parametrize(
    ("place", "remedy"),
    [
        ("mony.py", "did you mean money.py"),
        ("money.py:parse_amont", "did you mean parse_amount"),
        ("parse_amont", "did you mean parse_amount"),
        ("Mony.add", "did you mean Money.add"),
    ],
)
def test_a_misspelt_place_gets_a_suggestion(run: Run, place: str, remedy: str) -> None:
    result = run("impact", place)

    assert result.exit_code == 1
    assert remedy in result.stderr


def test_stats(run: Run) -> None:
    found = answer(run("stats", "--json"))

    assert isinstance(found, dict)
    assert found["languages"] == {"python": 3}
    assert (found["files"], found["tests"], found["hubs"]) == (3, 1, [])
    assert "Communities" in run("stats").output


def test_export_writes_a_file(run: Run, tmp_path: Path) -> None:
    target = tmp_path / "graph"
    result = run("export", "--definitions", "-o", str(target))

    assert result.exit_code == 0
    assert "parse_amount" in target.read_text()


def test_view_writes_a_page(run: Run, tmp_path: Path) -> None:
    target = tmp_path / "graph.html"
    found = answer(run("view", "-o", str(target), "--select", "money.py", "--json"))

    assert found == {"path": str(target), "bytes": target.stat().st_size}
    assert target.read_text().startswith("<!doctype html>")


def test_view_names_what_is_wrong(run: Run, tmp_path: Path) -> None:
    missing = run("view", "-o", str(tmp_path / "nowhere" / "x.html"))
    unknown = run("view", "-o", str(tmp_path / "x.html"), "--select", "mony.py")

    assert missing.exit_code == unknown.exit_code == 1
    assert "cannot write" in missing.stderr
    assert "did you mean money.py" in unknown.stderr


def test_a_missing_workspace_is_a_usage_error() -> None:
    result = CliRunner().invoke(command, ["build", "-w", "/no/such/place"])

    assert result.exit_code == 2


def test_the_module_imports_nothing_heavy() -> None:
    code = (
        "import sys, openhands_tiered_router.cli.graph as m; "
        "heavy = {'networkx', 'rich', 'tree_sitter', 'openhands.sdk', 'litellm'}; "
        "print(sorted(heavy & set(sys.modules)), m.command.name)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "[] graph"
