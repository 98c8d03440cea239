import json
import random
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from openhands_tiered_router.cli.calibrate import command
from openhands_tiered_router.cli.route import command as route
from openhands_tiered_router.policy.difficulty.next_turn import model_of
from tests.record.replay.recorded import CODEX, item, lines


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
    answer = {"role": "assistant", "content": "Done", "usage": {"prompt_tokens": 9}}
    asked = {"role": "user", "content": "Fix it"}
    row = {"session": "s", "instance_id": "t", "messages": [asked, answer]}
    file.write_text(json.dumps(row) + "\n")
    result = calibrate("--from", file)
    assert result.exit_code == 2
    assert "tasks or more are needed" in result.stderr
    file.write_text(json.dumps({**row, "messages": []}) + "\n")
    assert "no session with a model's answer" in calibrate("--from", file).stderr


def test_sessions_and_prompts_do_not_mix(tmp_path: Path) -> None:
    sessions = tmp_path / "sessions.jsonl"
    sessions.write_text(json.dumps({"session": "s", "messages": []}) + "\n")
    prompts = samples(tmp_path / "prompts.jsonl", 5)
    result = CliRunner().invoke(
        command, ["--from", str(prompts), "--from", str(sessions)]
    )
    assert result.exit_code == 2
    assert "sessions.jsonl:1" in result.stderr


def calibrate(*arguments: object) -> Result:
    return CliRunner().invoke(command, [str(a) for a in arguments])


def test_a_fitted_file_is_written_and_used(tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    few, many = (samples(tmp_path / f"{n}.jsonl", n) for n in (30, 40))
    fitted, config = tmp_path / "fitted.json", tmp_path / "router.toml"
    config.write_text(
        '[policy]\nfitted = "fitted.json"\n[tiers]\nsimple = "example/a"\n'
        'reasoning = "example/b"\n'
    )
    request = {"id": 1, "messages": [{"role": "user", "content": "What is abc?"}]}

    def score() -> float:
        result = CliRunner().invoke(
            route, ["--config", str(config)], input=json.dumps(request)
        )
        assert result.exit_code == 0, result.stderr
        return json.loads(result.stdout)["score"]

    first = calibrate("--from", few, "--fitted", fitted)
    assert first.exit_code == 0, first.stderr
    assert f"written to {fitted}" in first.stdout
    one = score()
    assert calibrate("--from", many, "--fitted", fitted).exit_code == 0
    assert score() != one


@pytest.mark.slow
def test_a_model_is_fitted_to_a_directory_of_transcripts(tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    home = tmp_path / ".mine"
    look = {"name": "shell", "arguments": json.dumps({"command": ["ls"]})}
    edit = {"name": "apply_patch", "arguments": "{}"}

    def record(kinds: list[dict[str, str]]) -> None:
        for number in range(8):
            rows = [*CODEX[:5]]
            for turn in range(12):
                call = {**kinds[(turn + number) % len(kinds)], "call_id": str(turn)}
                rows.append(item(20 + 2 * turn, "function_call", **call))
                done = {"call_id": str(turn), "output": "a.py"}
                rows.append(item(21 + 2 * turn, "function_call_output", **done))
            lines(home / f"rollout-{number}.jsonl", rows)

    record([edit])
    assert "there is nothing to learn" in calibrate("--from", home).stderr
    record([look, look, edit])
    out = tmp_path / "model.json"
    result = calibrate("--from", home, "-o", out)
    assert result.exit_code == 0, result.stderr
    model = model_of(json.loads(out.read_text()))
    assert model.fitted["tasks"] == 8
    assert list(model.fitted["agents"]) == ["mine"]
    again = home.rename(tmp_path / "sessions")
    home = tmp_path / "other" / "sessions"
    record([look, edit])
    two = json.loads(calibrate("--from", again, "--from", home, "--json").stdout)
    assert set(two["fitted"]["agents"]) == {"sessions", str(home)}
    assert model.fitted["left_out"] == {}
    assert model.unknown is None
    assert model.agents[0] >= {"apply_patch", "shell"}
