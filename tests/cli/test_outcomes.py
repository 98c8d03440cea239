"""``tiered-router replay --outcomes``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from openhands_tiered_router.cli.replay import command


CONFIG = """
[policy]
task_value = 5.0

[verify]
enabled = true
catch_rate = 0.8
pass_rate = 0.9

[[tiers.simple.endpoints]]
model = "example/cheap"
success = 0.6
task_usd = 0.1

[[tiers.complex.endpoints]]
model = "example/strong"
success = 0.9
task_usd = 1.0
"""


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    """A configuration, and outcomes of its two models."""
    config, outcomes = tmp_path / "c.toml", tmp_path / "outcomes.jsonl"
    config.write_text(CONFIG)
    rows = [
        {
            "benchmark": "swe-bench" if i % 2 else "gaia",
            "instance_id": f"t{i}",
            "outcomes": {
                "Cheap": [i % 5 < 3, 0.1, None],
                "Strong": [i % 10 < 9, 1.0, None],
            },
        }
        for i in range(40)
    ]
    outcomes.write_text("\n".join(map(json.dumps, rows)))
    return str(config), str(outcomes)


def run(*args: str) -> Result:
    return CliRunner().invoke(command, list(args), catch_exceptions=False)


def report(*args: str) -> dict[str, Any]:
    result = run("--json", *args)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_the_policy_stands_beside_every_fixed_way(files: tuple[str, str]) -> None:
    config, outcomes = files
    found = report("--outcomes", outcomes, "-c", config)
    names = [row["name"] for row in found["rows"]]
    assert names[0] == "configured"
    assert names[-1] == "hindsight"
    assert set(names[1:-1]) == {"simple", "complex", "simple complex"}
    assert found["tasks"] == 40
    assert (found["value"], found["catch"], found["accept"]) == (5.0, 0.8, 0.9)
    (way,) = found["chosen"]
    fixed = {row["name"]: row["worth"] for row in found["rows"]}
    assert found["rows"][0]["worth"] == fixed[way]


def test_the_value_moves_the_policy(files: tuple[str, str]) -> None:
    config, outcomes = files
    cheap = report("--outcomes", outcomes, "-c", config, "--value", "0.1")
    dear = report("--outcomes", outcomes, "-c", config, "--value", "100")
    assert list(cheap["chosen"]) == ["simple"]
    assert dear["rows"][0]["success"] > cheap["rows"][0]["success"]


def test_one_kind_of_work_can_be_looked_at(files: tuple[str, str]) -> None:
    config, outcomes = files
    found = report("--outcomes", outcomes, "-c", config, "--work", "bugs")
    assert found["tasks"] == 20
    result = run("--outcomes", outcomes, "-c", config, "--work", "apps")
    assert result.exit_code == 2
    assert "gaia, swe-bench" in result.output


def test_a_kind_of_work_is_decided_by_what_models_do_of_it(
    files: tuple[str, str], tmp_path: Path
) -> None:
    """The first model solves bugs as well, for less, but little research."""
    config, outcomes = tmp_path / "published.toml", tmp_path / "published.jsonl"
    config.write_text(
        '[[tiers.simple.endpoints]]\nmodel = "deepseek/deepseek-v4-pro"\n'
        '[[tiers.complex.endpoints]]\nmodel = "openai/gpt-5.4"\n'
    )
    text = Path(files[1]).read_text()
    outcomes.write_text(
        text.replace("Cheap", "DeepSeek-V4-Pro").replace("Strong", "GPT-5.4")
    )
    command = ("--outcomes", str(outcomes), "-c", str(config))
    bugs = report(*command, "--work", "bugs")
    research = report(*command, "--work", "research")
    assert bugs["chosen"] == {"simple": 20}
    assert research["chosen"] == {"complex": 20}
    said = "several kinds of work (research 20, bugs 20)"
    assert said in " ".join(run(*command).output.split())
    assert "several kinds" not in run(*command, "--work", "bugs").output


def test_a_person_gets_a_table_a_plot_and_a_page(
    files: tuple[str, str], tmp_path: Path
) -> None:
    config, outcomes = files
    page = tmp_path / "ways.html"
    result = run("--outcomes", outcomes, "-c", config, "--plot", str(page))
    assert result.exit_code == 0
    assert all(len(line) <= 80 for line in result.output.splitlines()[:-1])
    assert "hindsight" in result.output
    assert "<svg" in page.read_text()


def test_models_without_outcomes_are_named(
    files: tuple[str, str], tmp_path: Path
) -> None:
    config = tmp_path / "other.toml"
    config.write_text(CONFIG.replace("example/strong", "example/unheard-of"))
    result = run("--outcomes", files[1], "-c", str(config))
    assert result.exit_code == 2
    assert "example/unheard-of" in result.output
    assert "Strong" in result.output


def test_sessions_and_outcomes_do_not_go_together(files: tuple[str, str]) -> None:
    result = CliRunner().invoke(command, ["--outcomes", files[1], "sessions.jsonl"])
    assert result.exit_code == 2
    assert "either" in result.output


def test_what_cannot_be_compared_says_why(
    files: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, outcomes = files
    empty = tmp_path / "empty.jsonl"
    empty.touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TIERED_ROUTER_CONFIG", raising=False)
    for said, arguments in {
        "empty.jsonl: is empty": ["--outcomes", str(empty), "-c", config],
        "configuration: none was found": ["--outcomes", outcomes],
        "--time-scale goes with SESSIONS": ["--outcomes", outcomes, "--time-scale=2"],
        "--issues goes with --outcomes": [outcomes, "--issues", outcomes],
        "page.html: cannot be written": [
            *("--outcomes", outcomes, "-c", config),
            *("--plot", str(tmp_path / "none" / "page.html")),
        ],
    }.items():
        result = run(*arguments)
        assert result.exit_code == 2, arguments
        assert said in result.stderr
