import json
import subprocess
import sys
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from openhands_tiered_router.cli.route import command


def line(text: str, **more: Any) -> str:
    messages = [{"role": "user", "content": text}]
    return json.dumps({"id": text, "messages": messages, **more})


def route(*lines: str | bytes, args: tuple[str, ...] = ()) -> Result:
    data = b"\n".join(x if isinstance(x, bytes) else x.encode() for x in lines)
    return CliRunner().invoke(command, args, input=data + b"\n")


def answers(result: Result) -> list[dict[str, Any]]:
    return [json.loads(x) for x in result.stdout.splitlines()]


def test_each_line_is_answered_in_order() -> None:
    result = route(line("hi"), "", line("Prove that 2 is the only even prime."))
    assert result.exit_code == 0
    first, second = answers(result)
    assert first["id"] == "hi"
    assert first["tier"] == "simple"
    assert second["tier"] == "reasoning"
    for answer in (first, second):
        assert set(answer) == {"id", "tier", "way", "score", "ms", "reasons"}
        assert 0 <= answer["score"] <= 1
        assert answer["ms"] > 0
        assert answer["reasons"][0].startswith("task_score: complexity")


def test_an_id_may_be_a_number() -> None:
    result = route(json.dumps({"id": 7, "messages": [{"role": "user", "content": ""}]}))
    assert answers(result)[0]["id"] == 7


@pytest.mark.parametrize(
    ("bad", "named"),
    [
        ("{", "is no JSON"),
        ("[1]", "expected an object"),
        ('{"messages": []}', "id: is missing"),
        ('{"id": 1}', "messages: expected a list"),
        ('{"id": 1, "messages": []}', "messages: expected a list"),
        ('{"id": 1, "messages": ["x"]}', "messages[0]"),
        ('{"id": 1, "messages": [{"role": "king"}]}', "messages[0].role"),
        ('{"id": 1, "messages": [{"role": "user", "content": 3}]}', "content"),
        (line("a", tools="bash"), "tools: expected a list"),
        (line("a", workspace=3), "workspace: expected a path"),
        ("[" * 100_000, "is no JSON"),
        (b'{"id": "\xff"', "is no JSON"),
    ],
)
def test_a_bad_line_is_named_and_the_others_answered(bad, named) -> None:
    result = route(line("hi"), bad, line("Thanks!"))
    assert result.exit_code == 2
    assert [a["id"] for a in answers(result)] == ["hi", "Thanks!"]
    assert "line 2: " in result.stderr
    assert named in result.stderr


def test_a_call_with_tools_is_a_turn_of_the_base_tier() -> None:
    tools = [{"type": "function", "function": {"name": "terminal"}}]
    assert answers(route(line("hi", tools=tools)))[0]["tier"] == "complex"


def test_limits_come_from_the_configuration(tmp_path: Path) -> None:
    file = tmp_path / "tiers.toml"
    file.write_text(
        '[tiers.simple]\nendpoints = ["example/a"]\nmax_complexity = 0.9\n'
        '[tiers.reasoning]\nendpoints = ["example/b"]\n'
    )
    result = route(line("Write a haiku about rain."), args=("--config", str(file)))
    assert result.exit_code == 0, result.stderr
    assert answers(result)[0]["tier"] == "simple"


def test_the_configuration_is_found_as_by_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    plain = route(line("hi"))
    assert (plain.exit_code, plain.stderr) == (0, "")
    file = tmp_path / ".openhands" / "tiered-router.toml"
    file.parent.mkdir()
    file.write_text('[tiers.medium]\nendpoints = ["example/a"]\n')
    result = route(line("hi"))
    assert answers(result)[0]["tier"] == "medium"
    assert str(file) in result.stderr
    file.write_text("[tiers")
    assert route(line("hi")).exit_code == 2


def test_fitted_weights_of_the_configuration_count(tmp_path: Path) -> None:
    raw = json.loads(
        resources.files("openhands_tiered_router.policy.difficulty.data")
        .joinpath("task.json")
        .read_text("utf-8")
    )
    for head in (raw["prompt"], raw["issue"]):
        head["base"] = 5.0
    fitted = {"fitted": 1, "version": 1, "task": raw}
    (tmp_path / "fitted.json").write_text(json.dumps(fitted))
    file = tmp_path / "tiers.toml"
    file.write_text(
        '[policy]\nfitted = "fitted.json"\n[tiers]\nsimple = "example/a"\n'
        'reasoning = "example/b"\n'
    )
    result = route(line("hi"), args=("--config", str(file)))
    assert answers(result)[0]["score"] == 1.0
    (tmp_path / "fitted.json").write_text("{}")
    assert route(line("hi"), args=("--config", str(file))).exit_code == 2


def test_a_configuration_that_cannot_be_used(tmp_path: Path) -> None:
    result = route(line("hi"), args=("--config", str(tmp_path / "gone.toml")))
    assert result.exit_code == 2
    assert "gone.toml" in result.stderr
    assert result.stdout == ""


def test_a_workspace_that_is_not_there_costs_only_its_graph(tmp_path: Path) -> None:
    gone = str(tmp_path / "gone")
    result = route(line("hi", workspace=gone), line("Thanks!", workspace=gone))
    assert result.exit_code == 0
    assert len(answers(result)) == 2
    assert result.stderr.count("warning: no code graph") == 1


def test_the_graph_of_a_workspace_takes_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    code = tmp_path / "code"
    code.mkdir()
    (code / "parser.py").write_text("def parse_header(line):\n    return line\n")
    (code / "writer.py").write_text("def write_body(text):\n    return text\n")
    text = "parse_header() in parser.py loses the last character of each line. " * 5
    plain, with_graph = answers(route(line(text), line(text, workspace=str(code))))
    assert with_graph["score"] < plain["score"]


def test_answers_come_while_the_input_is_open() -> None:
    with subprocess.Popen(
        [
            sys.executable,
            "-c",
            "from openhands_tiered_router.cli.route import command; command()",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(line("hi") + "\n")
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["tier"] == "simple"
        process.stdin.close()
        assert process.wait() == 0


def test_routing_imports_neither_sdk_nor_litellm_nor_networkx() -> None:
    script = (
        "import io, sys\n"
        f"sys.stdin = io.TextIOWrapper(io.BytesIO({line('hi').encode()!r}))\n"
        "from openhands_tiered_router.cli.route import command\n"
        "command(standalone_mode=False)\n"
        "heavy = {'openhands.sdk', 'litellm', 'networkx', 'numpy'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stderr.strip() == "[]"


def test_a_misspelt_dimension_is_named(tmp_path: Path) -> None:
    file = tmp_path / "tiers.toml"
    file.write_text(
        '[tiers.simple]\nendpoints = ["example/a"]\n'
        "[policy.dimension_weights]\nblast = 1\n"
    )
    result = route(line("hi"), args=("--config", str(file)))
    assert result.exit_code == 2
    assert "policy.dimension_weights.blast" in result.stderr
    assert "blast_radius" in result.stderr
