from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from openhands_tiered_router.cli.demo import command, problems_of, run
from openhands_tiered_router.cli.demo.longer import replay_longer
from openhands_tiered_router.cli.demo.run import DemoResult, SuiteResult
from openhands_tiered_router.cli.demo.shown import _yours


TURN = re.compile(r" ?(\d+)  .{33} -> (\w+) +\$[\d.]+( instead of \$[\d.]+)?( \*)?")
COMMAND = [
    sys.executable,
    "-c",
    "from openhands_tiered_router.cli import main; main()",
]
PROGRAMS = ("bash", "sh", "ls", "grep", "cat", "env", "nice", "dirname", "git")
"""All that a shell session here needs; tmux is not among them."""


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> DemoResult:
    return run.run_demo(tmp_path_factory.mktemp("demo"))


def test_a_good_run_has_no_problems(result: DemoResult) -> None:
    assert problems_of(result) == []


def test_each_way_to_fail_is_named(result: DemoResult) -> None:
    good, bad = SuiteResult(passed=True, ran=4), SuiteResult(passed=False, ran=4)
    two = tuple(c for c in result.calls if c.tier in result.tiers[-2:])
    for changed, problem in (
        (replace(result, before=good), "passed before the agent came"),
        (replace(result, after=bad), "tests do not pass"),
        (replace(result, calls=two), "only 2 tiers served"),
        (replace(result, booked=result.booked + 1e-6), "the SDK booked $"),
    ):
        (found,) = problems_of(changed)
        assert problem in found


def test_the_command_prints_the_turns_and_the_money(tmp_path: Path) -> None:
    (tmp_path / ".codex" / "sessions" / "2026").mkdir(parents=True)
    answer = CliRunner().invoke(command, env={"HOME": str(tmp_path)})
    assert answer.exit_code == 0, answer.output
    lines = answer.output.splitlines()
    turns = [found for line in lines if (found := TURN.fullmatch(line))]
    assert [int(turn[1]) for turn in turns] == list(range(1, len(turns) + 1))
    assert {turn[2] for turn in turns} >= {"medium", "complex", "reasoning"}
    assert any(turn[3] for turn in turns)
    assert max(map(len, lines)) <= 80
    fix = re.search(r"The fix: \$(\S+) in 9 turns; .*about \$(\S+),", answer.output)
    assert fix
    assert float(fix[1]) < float(fix[2])
    assert "More" not in answer.output
    assert "tiered-router replay ~/.codex/sessions" in answer.output


def test_the_fix_and_what_was_asked_by_name_are_apart(result: DemoResult) -> None:
    assert [c.decision.pinned for c in result.calls].index(True) == result.fix == 9
    assert len(result.alone) == len(result.calls)


def test_a_failed_run_exits_with_1(
    result: DemoResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = replace(result, after=SuiteResult(passed=False, ran=4))
    monkeypatch.setattr(run, "run_demo", lambda *_, **__: bad)
    answer = CliRunner().invoke(command)
    assert answer.exit_code == 1
    assert "Failed: the project's tests do not pass" in answer.output
    data = json.loads(CliRunner().invoke(command, ["--json"]).output)
    assert data["ok"] is False
    assert data["problems"] == ["the project's tests do not pass"]


def test_an_exception_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> DemoResult:
        raise RuntimeError("no terminal")

    monkeypatch.setattr(run, "run_demo", fail)
    answer = CliRunner().invoke(command)
    assert answer.exit_code == 1
    problem = "the demo failed: RuntimeError: no terminal"
    assert answer.output.strip() == problem
    answer = CliRunner().invoke(command, ["--json"])
    assert json.loads(answer.stdout) == {"ok": False, "problems": [problem]}


@pytest.mark.slow
def test_it_runs_as_a_stranger_would_run_it(tmp_path: Path) -> None:
    """A fresh home, no keys, no tmux, no colour, and a proxy that leads nowhere."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in PROGRAMS:
        if found := shutil.which(name):
            (programs / name).symlink_to(found)
    environment = {
        "HOME": str(tmp_path),
        "PATH": str(programs),
        "TMPDIR": str(tmp_path),
        "NO_COLOR": "1",
        "HTTPS_PROXY": "http://127.0.0.1:9",
        "NO_PROXY": "127.0.0.1",
    }
    done = subprocess.run(
        [*COMMAND, "demo", "--json", "--keep"],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    data = json.loads(done.stdout)
    assert data["ok"] is True
    assert len(data["tiers"]) >= 3
    assert data["booked_usd"] == pytest.approx(data["charged_usd"], rel=1e-9)
    kept = Path(data["kept_in"])
    assert (kept / "telemetry.sqlite").is_file()
    assert "full = sum(" in (kept / "project" / "shop" / "cart.py").read_text()
    assert "\x1b[" not in done.stdout + done.stderr


def test_the_longer_session_shows_gains_losses_and_what_is_unknown() -> None:
    """Its figures are sums over turns, computed here from the replay's own parts."""
    longer = replay_longer()
    assert longer.turns == 41
    assert longer.usd == pytest.approx(
        longer.alone_usd - longer.gained_usd + longer.lost_usd, abs=1e-4
    )
    assert 0 < longer.dearer < longer.cheaper < longer.turns
    assert longer.gained_usd > 0 < longer.lost_usd
    assert 0 <= longer.hard_below <= longer.hard < longer.turns


@pytest.mark.parametrize("place", [".claude/projects", ".codex/sessions"])
def test_it_names_the_sessions_of_this_machine(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    assert _yours().startswith("tiered-router replay DIRECTORY\n")
    (tmp_path / place / "project").mkdir(parents=True)
    assert _yours() == f"tiered-router replay ~/{place}"
