"""What docs/loopback.md shows is so."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from openhands_tiered_router.loopback import faults, scripts
from openhands_tiered_router.loopback.scripts import load_recording


PAGE = (Path(__file__).parents[2] / "docs" / "loopback.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    return found[1]


def test_the_example_runs(capsys: pytest.CaptureFixture[str]) -> None:
    exec(block("python"), {})
    assert capsys.readouterr().out == "0 []\n"


def test_the_recording_loads(tmp_path: Path) -> None:
    path = tmp_path / "answers.json"
    path.write_text(block("json"))
    turns, side = load_recording(path)
    assert [t.text for t in turns] == ["Looking.", "Done."]
    assert side == "A title"


def test_the_table_has_every_fault() -> None:
    rows = set(re.findall(r"^\| `(\w+)\(", PAGE, re.MULTILINE))
    made = {
        name
        for name, value in vars(faults).items()
        if getattr(value, "__module__", "") == faults.__name__
        and (inspect.isfunction(value) or issubclass(value, faults.Fault))
    }
    assert rows == made - {"Fault", "HttpError"}


def test_every_ready_made_script_is_named() -> None:
    made = {
        name
        for name, value in vars(scripts).items()
        if inspect.isfunction(value)
        and value.__module__ == scripts.__name__
        and value.__annotations__.get("return") == "Script"
    }
    named = re.search(r"`loopback\.scripts`: (.*?)\. A script", PAGE, re.DOTALL)
    assert named is not None
    assert set(re.findall(r"`(\w+)`", named[1])) == made
