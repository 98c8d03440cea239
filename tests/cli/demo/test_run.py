"""Whole runs: agent, tools, router, litellm and HTTP are real."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

import pytest

from openhands_tiered_router.cli.demo.run import DemoResult, run_demo
from openhands_tiered_router.cli.demo.workspace import SuiteResult
from openhands_tiered_router.policy.outcome import ErrorKind
from openhands_tiered_router.tiers import Tier


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


def test_the_estimate_for_one_model_is_what_it_really_costs(
    routed: DemoResult, tmp_path: Path
) -> None:
    """2 %: the same history has some more tokens on one wire format than another."""
    alone = run_demo(tmp_path, only=Tier.COMPLEX)
    assert alone.tiers == (Tier.COMPLEX,)
    assert sum(alone.alone) == pytest.approx(alone.charged, rel=1e-9)
    estimate = sum(routed.alone)
    assert estimate == pytest.approx(alone.charged, rel=0.02)
