"""``tiered-router replay`` from a file to figures, and what it says when it cannot."""

from __future__ import annotations

import json
import re
from importlib import resources
from pathlib import Path

import pytest
from click.testing import CliRunner

from openhands_tiered_router.cli.here import UNUSABLE
from openhands_tiered_router.cli.replay import command


CONFIG = """
[[tiers.simple.endpoints]]
model = "example/small"
input_cost_per_token = 1e-06
cache_read_input_token_cost = 1e-07
cache_creation_input_token_cost = 1.25e-06
output_cost_per_token = 5e-06

[[tiers.complex.endpoints]]
model = "example/large"
input_cost_per_token = 5e-06
cache_read_input_token_cost = 5e-07
cache_creation_input_token_cost = 6.25e-06
output_cost_per_token = 2.5e-05
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "router.toml"
    path.write_text(CONFIG)
    return path


@pytest.fixture
def sessions(tmp_path: Path) -> Path:
    messages: list[dict[str, object]] = [{"role": "user", "content": "Fix the bug"}]
    for i in range(20):
        arguments = json.dumps(
            {"command": "cat > /tmp/t.py" if i % 2 else "python /tmp/t.py"}
        )
        call = {"id": str(i), "function": {"name": "bash", "arguments": arguments}}
        usage = {"prompt_tokens": 25_000 + 500 * i, "completion_tokens": 90}
        messages += [
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [call],
                "timestamp": 10.0 * i,
                "usage": usage,
            },
            {
                "role": "tool",
                "content": "ok",
                "tool_call_id": str(i),
                "timestamp": 10.0 * i + 2,
            },
        ]
    path = tmp_path / "sessions.jsonl"
    path.write_text(json.dumps({"session": "one", "messages": messages}))
    return path


def run(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(command, [str(a) for a in arguments])
    return result.exit_code, result.stdout, result.stderr


def test_json_gives_one_line_a_turn(config: Path, sessions: Path) -> None:
    code, out, _ = run(sessions, "--config", config, "--json")
    rows = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert [(r["session"], r["turn"]) for r in rows] == [("one", i) for i in range(20)]
    assert {r["tier"] for r in rows} == {"simple", "complex"}
    assert rows[0]["tier"] == "complex"
    assert all(r["ms"] > 0 for r in rows)
    assert {r["cache_ttl"] for r in rows} == {300.0}


def test_a_higher_value_keeps_more_turns_from_the_weak_tier(
    config: Path, sessions: Path
) -> None:
    weak = []
    for value in (0.1, 5, 100):
        config.write_text(f"{CONFIG}\n[policy]\ntask_value = {value}\n")
        _, out, _ = run(sessions, "--config", config, "--json", "--time-scale", 20)
        weak.append(out.count('"simple"'))
        config.write_text(CONFIG)
        given = ("--value", value, "--time-scale", 20)
        _, again, _ = run(sessions, "--config", config, "--json", *given)
        assert again.count('"simple"') == weak[-1]
    assert weak == sorted(weak, reverse=True)
    assert weak[0] > weak[-1]


def test_without_a_configuration_a_preset_answers_the_first_question(
    sessions: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = run(sessions)
    assert code == 0
    assert "preset 'anthropic'" in err
    assert "Routed, this session would have cost" in out
    # One session is no sample: no interval is made up for it.
    assert "95 % interval" not in out


def test_people_get_a_table_and_a_plot(
    config: Path, sessions: Path, tmp_path: Path
) -> None:
    plot = tmp_path / "plot.html"
    code, out, _ = run(sessions, "--config", config, "--plot", plot)
    assert code == 0
    said = " ".join(out.split())
    assert re.search(
        r"Routed, this session .* on complex alone \$[\d.]+: \d+% (less|more)", said
    )
    assert "knowing the future" in said
    for name in ("routed", "one-line rule", "always complex", "offline optimum"):
        assert name in out
        assert name in plot.read_text()


@pytest.mark.parametrize("content", ["", "not json", '{"session": 1}'])
def test_unusable_recording_is_an_error_with_its_file(
    config: Path, tmp_path: Path, content: str
) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text(content)
    code, out, err = run(path, "--config", config)
    assert code == UNUSABLE
    assert "bad.jsonl" in err
    assert not out


def test_unknown_price_is_an_error_and_not_nothing(
    tmp_path: Path, sessions: Path
) -> None:
    config = tmp_path / "router.toml"
    config.write_text('[[tiers.simple.endpoints]]\nmodel = "example/unheard"\n')
    code, _, err = run(sessions, "--config", config)
    assert code == UNUSABLE
    assert "no price is known for 'example/unheard'" in err


def test_scale_must_be_above_zero(config: Path, sessions: Path) -> None:
    code, _, err = run(sessions, "--config", config, "--time-scale", "0")
    assert code == 2
    assert "--time-scale" in err


def test_a_path_that_does_not_exist_is_said_in_words(config: Path) -> None:
    code, _, err = run("/nope", "--config", config)
    assert code == UNUSABLE
    assert err.startswith("Error: /nope: does not exist; give a session a line")
    assert "Errno" not in err


def test_the_one_hour_cache_is_bought_and_charged_where_turns_are_slow(
    config: Path, sessions: Path
) -> None:
    def routed(text: str) -> float:
        config.write_text(text)
        code, out, _ = run(sessions, "--config", config, "--time-scale", 40)
        assert code == 0
        (line,) = (x for x in out.splitlines() if x.startswith("routed"))
        return float(line.split()[1])

    # 1.25 times the input price is Anthropic's scheme, whose hour costs twice; a turn
    # takes 400 s here, so that five minutes keep nothing.
    assert routed(CONFIG) < 0.6 * routed(CONFIG + "\n[cache]\none_hour = false\n")
    slow = ("--config", config, "--time-scale", 40)
    assert "without hours" not in run(sessions, *slow)[1]
    config.write_text(CONFIG)
    assert "without hours" in run(sessions, *slow)[1]


def test_the_fitted_model_of_the_next_turn_decides(
    config: Path, sessions: Path, tmp_path: Path
) -> None:
    def weak() -> int:
        return run(sessions, "--config", config, "--json")[1].count('"simple"')

    before = weak()
    model = json.loads(
        resources.files("openhands_tiered_router.policy.difficulty.data")
        .joinpath("next_turn.json")
        .read_text("utf-8")
    )
    hard = {"feature": [-1], "threshold": [0.0], "right": [0]}
    model["trees"] = [hard]
    fitted = {"fitted": 1, "version": 1, "next_turn": model}
    (tmp_path / "fitted.json").write_text(json.dumps(fitted))
    config.write_text('[policy]\nfitted = "fitted.json"\n' + CONFIG)
    assert before > 0
    assert weak() == 0
