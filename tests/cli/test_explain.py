import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from openhands_tiered_router.cli.explain import command
from openhands_tiered_router.policy.decision import (
    Candidate,
    Decision,
    Dimension,
    Reason,
)
from openhands_tiered_router.policy.difficulty.dimensions import NAMES
from openhands_tiered_router.policy.outcome import Outcome
from openhands_tiered_router.record.telemetry.records import TextRecord, routed
from openhands_tiered_router.record.telemetry.store import Store
from openhands_tiered_router.tiers import Tier


def explain(*args: str, stdin: str = "") -> Result:
    return CliRunner().invoke(command, args, input=stdin)


def test_a_text_as_a_table() -> None:
    result = explain("Prove that 2 is the only even prime.")
    assert result.exit_code == 0
    assert result.stdout.startswith("reasoning")
    for name in NAMES:
        assert name in result.stdout


def test_endpoints_are_those_of_the_configuration_that_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "own.toml"
    file.write_text('[tiers]\nmedium = ["example/a", "example/b"]\n')
    monkeypatch.setenv("TIERED_ROUTER_CONFIG", str(file))
    result = explain("hi", "--json")
    found = [c["endpoint"] for c in json.loads(result.stdout)["candidates"]]
    assert found == ["medium", "medium/2"]
    assert str(file) in result.stderr


def test_a_task_for_an_agent_is_weighed_by_value(tmp_path: Path) -> None:
    config = tmp_path / "own.toml"
    config.write_text(
        '[[tiers.simple.endpoints]]\nmodel = "deepseek/deepseek-v4-pro"\n'
        '[[tiers.reasoning.endpoints]]\nmodel = "anthropic/claude-fable-5"\n'
        "[verify]\nenabled = true\n"
    )
    text = "Fix the crash on an empty file."
    found = explain("--task", text, "-c", str(config)).stdout
    assert found.startswith("simple: ")
    assert "simple, then reasoning expected to solve" in found
    assert "expected to solve" not in explain(text, "-c", str(config)).stdout


def test_json_adds_up() -> None:
    result = explain("Write a haiku about rain.", "--json")
    found = json.loads(result.stdout)
    assert found["tier"] == "medium"
    assert [d["name"] for d in found["dimensions"]] == list(NAMES)
    for d in found["dimensions"]:
        assert d["contribution"] == pytest.approx(d["value"] * d["weight"])
    assert {c["tier"] for c in found["candidates"]} == {
        "simple",
        "medium",
        "complex",
        "reasoning",
    }


def test_standard_input_is_a_text() -> None:
    assert json.loads(explain("--json", stdin="hi\n").stdout)["tier"] == "simple"


def test_a_file_of_messages(tmp_path: Path) -> None:
    file = tmp_path / "messages.json"
    messages = [{"role": "user", "content": "hi"}]
    file.write_text(json.dumps(messages))
    assert json.loads(explain("-m", str(file), "--json").stdout)["tier"] == "simple"
    tools = [{"function": {"name": "terminal"}}]
    file.write_text(json.dumps({"messages": messages, "tools": tools}))
    assert json.loads(explain("-m", str(file), "--json").stdout)["tier"] == "complex"


@pytest.mark.parametrize("content", ["{", "3", "[3]", '{"messages": 3}', "[]"])
def test_a_bad_file_of_messages(tmp_path: Path, content: str) -> None:
    file = tmp_path / "messages.json"
    file.write_text(content)
    result = explain("-m", str(file))
    assert result.exit_code == 2
    assert result.stderr.startswith("error: ")


OUTCOME = Outcome(endpoint="complex", attempts=())


def test_nothing_to_explain() -> None:
    result = explain(stdin="  \n")
    assert result.exit_code == 2
    assert "no text" in result.stderr


def test_a_decision_on_record(tmp_path: Path) -> None:
    file = tmp_path / "telemetry.sqlite3"
    store = Store(file)
    decision = Decision(
        tier=Tier.MEDIUM,
        endpoint="medium",
        required=Tier.MEDIUM,
        score=0.5,
        candidates=(Candidate(endpoint="medium", tier=Tier.MEDIUM, cost_now=0.002),),
        dimensions=(Dimension("breadth", 0.5, 0.2, "parts +1.0"),),
        reasons=(Reason("task_score", "complexity 0.50"),),
    )
    record = routed(
        decision, OUTCOME, decision_id="01ABC", conversation_id="c", time=1.0
    )
    said = TextRecord(decision_id="01ABC", request="Why [this] tier?", answer=None)
    assert store.write([record, said]) == 0
    store.close()
    result = explain("--decision", "01ABC", "--telemetry", str(file))
    assert result.exit_code == 0
    for shown in ("medium", "0.500", "parts +1.0", "0.002000", "task_score: compl"):
        assert shown in result.stdout
    assert result.stdout.endswith("\nrequest:\nWhy [this] tier?\n")
    found = json.loads(
        explain("-d", "01ABC", "--telemetry", str(file), "--json").stdout
    )
    assert found["dimensions"][0]["contribution"] == pytest.approx(0.1)
    assert found["request"] == "Why [this] tier?"
    assert "answer" not in found


def test_an_unknown_decision_is_named(tmp_path: Path) -> None:
    file = tmp_path / "telemetry.sqlite3"
    result = explain("--decision", "01ABC", "--telemetry", str(file))
    assert result.exit_code == 2
    assert "01ABC" in result.stderr
    assert not file.exists()


def test_the_sum_of_a_choice_is_shown(tmp_path: Path) -> None:
    """The dearer tier wins by the success that the cheaper one would risk."""
    file = tmp_path / "telemetry.sqlite3"
    candidates = tuple(
        Candidate(endpoint=name, tier=tier, cost_now=now, cost_return=later, loss=loss)
        for name, tier, now, later, loss in (
            ("simple", Tier.SIMPLE, 0.0005, 0.0008, 0.0125),
            ("complex", Tier.COMPLEX, 0.0039, 0.0, 0.0),
        )
    )
    store = Store(file)
    for id, endpoint in (("01A", "complex"), ("01B", "simple")):
        decision = Decision(
            tier=Tier.COMPLEX,
            endpoint=endpoint,
            required=Tier.COMPLEX,
            score=0.5,
            candidates=candidates,
        )
        record = routed(
            decision, OUTCOME, decision_id=id, conversation_id="c", time=1.0
        )
        assert store.write([record]) == 0
    store.close()
    least = explain("--decision", "01A", "--telemetry", str(file)).stdout
    for shown in ("complex *", "0.012500", "0.013800", "0.003900", "the least total"):
        assert shown in least
    other = explain("--decision", "01B", "--telemetry", str(file)).stdout
    assert "not the least total" in other
    found = json.loads(explain("-d", "01A", "--telemetry", str(file), "--json").stdout)
    totals = [c["total"] for c in found["candidates"]]
    assert totals == [pytest.approx(0.0138), pytest.approx(0.0039)]
