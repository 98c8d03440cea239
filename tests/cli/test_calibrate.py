import json
import random
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from openhands_tiered_router.cli.calibrate import command


def samples(path: Path, count: int) -> Path:
    kinds = [("What is {}?", "simple"), ("Prove that {} is even.", "reasoning")]
    draw = random.Random(0)
    lines = [
        json.dumps({"prompt": text.format(thing), "tier": tier, "lang": "en"})
        for thing in ("".join(draw.choices("abcdefgh", k=30)) for _ in range(count))
        for text, tier in kinds
    ]
    path.write_text("\n".join(lines))
    return path


def test_a_profile_is_written_and_shown(tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    source = samples(tmp_path / "prompts.jsonl", 40)
    out = tmp_path / "profile.json"
    result = CliRunner().invoke(command, ["--from", str(source), "-o", str(out)])
    assert result.exit_code == 0, result.stderr
    assert "Weights, before and after" in result.stdout
    assert "exact" in result.stdout
    assert json.loads(out.read_text())["fit"]["prompts"]["samples"] == 80


def test_json_is_the_profile(tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    source = samples(tmp_path / "prompts.jsonl", 40)
    result = CliRunner().invoke(command, ["--from", str(source), "--json"])
    assert json.loads(result.stdout)["format"] == 1


def test_a_bad_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "bad.jsonl"
    file.write_text("{}\n")
    out = tmp_path / "profile.json"
    result = CliRunner().invoke(command, ["--from", str(file), "-o", str(out)])
    assert result.exit_code == 2
    assert "bad.jsonl:1" in result.stderr
    assert not out.exists()


def test_help_imports_no_numerics() -> None:
    script = (
        "import sys; from openhands_tiered_router.cli.calibrate import command\n"
        "print(sorted({'sklearn', 'numpy', 'rich', 'pydantic'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_sessions_are_recognised_and_too_few_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "sessions.jsonl"
    row = {"session": "s", "instance_id": "t", "messages": []}
    file.write_text(json.dumps(row) + "\n")
    result = CliRunner().invoke(command, ["--from", str(file)])
    assert result.exit_code == 2
    assert "tasks or more are needed" in result.stderr


def test_sessions_and_prompts_do_not_mix(tmp_path: Path) -> None:
    sessions = tmp_path / "sessions.jsonl"
    sessions.write_text(json.dumps({"session": "s", "messages": []}) + "\n")
    prompts = samples(tmp_path / "prompts.jsonl", 5)
    result = CliRunner().invoke(
        command, ["--from", str(prompts), "--from", str(sessions)]
    )
    assert result.exit_code == 2
    assert "sessions.jsonl:1" in result.stderr
