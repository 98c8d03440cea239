"""The MCP server: asked by a real client over stdio, and its answers' form."""

import subprocess
import sys
from pathlib import Path

import pytest
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client

from openhands_tiered_router.cli.graph_mcp import SHOWN, Answers


FILES = {
    "app/money.py": "class Money:\n    def add(self, other):\n        return other\n",
    "app/cart.py": (
        "from app.money import Money\n\n"
        "def total():\n    return Money().add(1)\n"
    ),
    "tests/test_cart.py": (
        "from app.cart import total\n\ndef test_total():\n    assert total()\n"
    ),
}  # fmt: skip


@pytest.fixture
def root(tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name, text in FILES.items():
        path = tmp_path / "project" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "project"


async def test_a_client_asks_over_stdio(root: Path, tmp_path: Path):
    main = "from openhands_tiered_router.cli import main; main()"
    start = StdioServerParameters(
        command=sys.executable,
        args=["-c", main, "graph", "mcp", "-w", str(root)],
        env={"XDG_CACHE_HOME": str(tmp_path / "cache")},
    )
    async with stdio_client(start) as pipes, ClientSession(*pipes) as session:
        await session.initialize()
        tools = (await session.list_tools()).tools
        assert {tool.name for tool in tools} == {"where", "impact", "tests", "callers"}
        found = await session.call_tool("tests", {"place": "app/money.py:Money.add"})
        assert [part.text for part in found.content if part.type == "text"] == [
            "tests/test_cart.py::test_total (2)"
        ]
        wrong = await session.call_tool("callers", {"place": "app/mony.py"})
        assert wrong.isError
        assert "did you mean app/money.py" in str(wrong.content)


def test_answers_follow_edits(root: Path):
    answers = Answers(root)
    assert answers.callers("app/money.py:Money.add") == "app/cart.py:4 total"
    (root / "app/web.py").write_text(
        "from app.money import Money\n\ndef show():\n    Money().add(2)\n"
    )
    assert answers.callers("app/money.py:Money.add").splitlines() == [
        "app/cart.py:4 total",
        "app/web.py:4 show",
    ]


def test_where_names_files_then_definitions_with_lines(root: Path):
    lines = Answers(root).where("add an amount of Money").splitlines()
    assert lines[0] == "app/money.py"
    assert "app/money.py:1 Money" in lines
    assert Answers(root).where("zebra") == "nothing shares a word with the text"


def test_impact_of_the_diff(root: Path):
    for words in (["init", "-q"], ["add", "."]):
        subprocess.run(["git", *words], cwd=root, check=True)
    name = ["-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run(["git", *name, "commit", "-qm", "x"], cwd=root, check=True)
    (root / "app/money.py").write_text(FILES["app/money.py"].replace("other\n", "0\n"))
    answers = Answers(root)
    assert answers.impact().splitlines() == [
        "app/cart.py::total (1)",
        "tests/test_cart.py (2)",
        "tests/test_cart.py::test_total (2)",
    ]
    assert answers.tests() == "tests/test_cart.py::test_total (2)"


def test_long_answers_are_cut_and_counted(root: Path):
    calls = "".join(f"def f{n}():\n    Money().add({n})\n" for n in range(SHOWN + 5))
    (root / "app/more.py").write_text(f"from app.money import Money\n{calls}")
    lines = Answers(root).callers("app/money.py:Money.add").splitlines()
    assert len(lines) == SHOWN + 1
    assert lines[-1] == "and 6 more"
