"""Whole runs: agent, tools, router, litellm and HTTP are real."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

import pytest

from openhands_tiered_router.cli.demo.run import (
    DemoResult,
    SuiteResult,
    copy_project,
    costs_on_one_model,
    run_demo,
    run_tests,
)
from openhands_tiered_router.loopback.exchange import (
    Message,
    Request,
    ToolCall,
    ToolResult,
    Wire,
)
from openhands_tiered_router.loopback.metering import Charge
from openhands_tiered_router.policy.outcome import ErrorKind, Usage
from openhands_tiered_router.tiers import Prices, Tier


# One worker: each would run the demo anew.
pytestmark = pytest.mark.xdist_group("demo")


@pytest.fixture(scope="module")
def routed(tmp_path_factory: pytest.TempPathFactory) -> DemoResult:
    return run_demo(tmp_path_factory.mktemp("routed"))


def test_the_agent_fixes_the_project(routed: DemoResult) -> None:
    assert routed.before == SuiteResult(passed=False, ran=3)
    assert routed.after == SuiteResult(passed=True, ran=4)


def test_every_recorded_turn_is_played_once(routed: DemoResult) -> None:
    recording = files("openhands_tiered_router.cli.demo") / "recording.json"
    turns = json.loads(recording.read_text())["turns"]
    assert [c.turn for c in routed.calls] == list(range(len(turns)))


def test_three_tiers_serve_at_least(routed: DemoResult) -> None:
    assert {Tier.MEDIUM, Tier.REASONING} < set(routed.tiers)


def test_the_books_agree_to_the_last_digit(routed: DemoResult) -> None:
    assert routed.charged > 0
    assert routed.booked == pytest.approx(routed.charged, rel=1e-9)
    costs = [c.outcome.cost for c in routed.calls]
    assert sum(c or 0 for c in costs) == pytest.approx(routed.charged, rel=1e-9)
    assert 0 < routed.cold < routed.charged


def test_the_users_word_decides(routed: DemoResult) -> None:
    pinned = [c.tier for c in routed.calls if c.decision.pinned]
    assert pinned == [Tier.REASONING, *3 * [Tier.MEDIUM]]


def test_the_planned_fault_is_survived_one_tier_up(tmp_path: Path) -> None:
    result = run_demo(tmp_path, only=Tier.SIMPLE)
    (failed,) = [c for c in result.calls if len(c.outcome.attempts) > 1]
    assert failed.outcome.attempts[0].error is ErrorKind.OVERLOADED
    assert failed.decision.tier is Tier.SIMPLE
    assert result.tiers == (Tier.SIMPLE, Tier.MEDIUM)
    assert result.after.passed
    assert result.booked == pytest.approx(result.charged, rel=1e-9)


@pytest.mark.slow
def test_the_estimate_for_one_model_is_what_it_really_costs(
    routed: DemoResult, tmp_path: Path
) -> None:
    """2 %: the same history has some more tokens on one wire format than another."""
    alone = run_demo(tmp_path, only=Tier.COMPLEX)
    assert alone.tiers == (Tier.COMPLEX,)
    assert sum(alone.alone) == pytest.approx(alone.charged, rel=1e-9)
    estimate = sum(routed.alone)
    assert estimate == pytest.approx(alone.charged, rel=0.02)


PRICES = Prices(input=1.0, output=10.0, cache_read=0.1, cache_write=2.0)
START = (Message(role="system", text="s"), Message(role="user", text="u"))


def turn(call_id: str, thinking: str = "") -> tuple[Message, Message]:
    asked = ToolCall("run", {"command": "ls"}, call_id)
    return (
        Message(role="assistant", tool_calls=(asked,), thinking=thinking),
        Message(role="tool", tool_results=(ToolResult(call_id, "a.py"),)),
    )


def request(*messages: Message) -> Request:
    return Request(
        wire=Wire.CHAT,
        model="m",
        messages=messages,
        tools=(),
        stream=False,
        session=None,
        headers={},
        body={},
        number=1,
        model_number=1,
    )


def charge(prompt: int, completion: int = 0) -> Charge:
    return Charge(1, "m", Usage(prompt=prompt, completion=completion), None)


def cost(*calls: tuple[Request, Charge]) -> float:
    return sum(costs_on_one_model([c[0] for c in calls], [c[1] for c in calls], PRICES))


def test_no_calls_cost_nothing() -> None:
    assert cost() == 0


def test_the_first_prompt_is_written_as_a_whole() -> None:
    assert cost((request(*START), charge(100, 5))) == pytest.approx(100 * 2 + 5 * 10)


def test_a_grown_prompt_reads_what_stood_before() -> None:
    grown = (request(*START, *turn("a")), charge(130))
    total = cost((request(*START), charge(100)), grown)
    assert total == pytest.approx(100 * 2 + 100 * 0.1 + 30 * 2)


def test_thoughts_and_ids_do_not_make_another_history() -> None:
    first = (request(*START, *turn("call_1", "Hm.")), charge(100))
    second = (request(*START, *turn("toolu_1"), *turn("b")), charge(120))
    assert cost(first, second) == pytest.approx(100 * 2 + 100 * 0.1 + 20 * 2)


def test_an_edited_history_is_written_anew() -> None:
    other = Message(role="user", text="something else")
    total = cost((request(*START), charge(100)), (request(other), charge(90)))
    assert total == pytest.approx(100 * 2 + 90 * 2)


def test_never_more_is_read_than_the_prompt_has() -> None:
    grown = (request(*START, *turn("a")), charge(95))
    total = cost((request(*START), charge(100)), grown)
    assert total == pytest.approx(100 * 2 + 95 * 0.1)


def test_the_project_is_copied_without_leftovers(tmp_path: Path) -> None:
    root = copy_project(tmp_path)
    assert (root / "shop" / "cart.py").is_file()
    assert not list(root.rglob("__pycache__"))


def test_its_tests_fail_as_bundled(tmp_path: Path) -> None:
    root = copy_project(tmp_path)
    assert run_tests(root) == SuiteResult(passed=False, ran=3)
    assert not list(root.rglob("__pycache__"))


def test_its_tests_pass_once_it_is_fixed(tmp_path: Path) -> None:
    root = copy_project(tmp_path)
    cart = root / "shop" / "cart.py"
    before, _ = cart.read_text().split("        return sum(")
    cart.write_text(
        before
        + "        full = sum(price_of(n) * c for n, c in self.items.items())\n"
        + "        return discounted(full, self.discount_percent)\n"
    )
    assert run_tests(root) == SuiteResult(passed=True, ran=3)


def test_no_tests_at_all_do_not_count_as_passed(tmp_path: Path) -> None:
    assert run_tests(tmp_path) == SuiteResult(passed=False, ran=0)
