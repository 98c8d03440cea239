"""A telemetry file with one turn, for the commands that show it."""

from collections.abc import Iterator

from click.testing import CliRunner, Result

from openhands_tiered_router.cli import tiered_router
from openhands_tiered_router.policy.decision import Candidate, Decision, Reason
from openhands_tiered_router.policy.outcome import Attempt, Outcome, Usage
from openhands_tiered_router.record.telemetry.records import (
    GuardEvent,
    Record,
    ToolResult,
    ToolStatus,
    Verdict,
    routed,
)
from openhands_tiered_router.tiers import Endpoint, Prices, Tier, TierSet


KEY = "sk-ant-api03-" + "Zq7" * 20
NAME = "01977d5f-35c9-7000-8be1-5f560fb96e35"
DEAR = Prices(input=5e-6, output=2.5e-5, cache_read=5e-7, cache_write=6e-6)
CHEAP = Prices(input=1e-6, output=5e-6, cache_read=1e-7, cache_write=1.2e-6)
TIERS = TierSet(
    (
        Endpoint(key="simple", tier=Tier.SIMPLE, model="m/small", prices=CHEAP),
        Endpoint(key="complex", tier=Tier.COMPLEX, model="m/<b>large", prices=DEAR),
    )
)


DECISION = Decision(
    tier=Tier.SIMPLE,
    endpoint="simple",
    fallbacks=("complex",),
    required=Tier.SIMPLE,
    score=0.4,
    p_mechanical=0.8,
    candidates=(
        Candidate(endpoint="simple", tier=Tier.SIMPLE, cost_now=0.001, cost_return=0.0),
        Candidate(
            endpoint="complex", tier=Tier.COMPLEX, cost_now=0.01, cost_return=0.0
        ),
    ),
    reasons=(Reason("value", f"cheaper; {KEY}"),),
    dimensions=(),
    policy="rules",
)

OUTCOME = Outcome(
    endpoint="simple",
    attempts=(Attempt(endpoint="simple", error=None, seconds=2.0),),
    usage=Usage(prompt=1_000, completion=100, cache_read=0, cache_write=1_000),
    cost=0.0017,
    seconds=2.0,
    first_token_seconds=0.5,
    response_id="answer",
)


def records(now: float) -> Iterator[Record]:
    """One hard turn that the weak tier served and failed; a breaker that opened."""
    yield routed(
        DECISION,
        OUTCOME,
        decision_id=NAME,
        conversation_id="talk",
        turn=1,
        time=now,
        overhead_us=200.0,
        tiers=TIERS,
    )
    yield from after(now)


def after(now: float) -> Iterator[Record]:
    """What became of it."""
    yield ToolResult(
        conversation_id="talk",
        response_id="answer",
        tool_call_id="call",
        tool_name=f"terminal {KEY}",
        time=now + 1,
        status=ToolStatus.DONE,
        action_kind="edit",
        exit_code=1,
        is_error=True,
        failed=True,
        seconds=0.1,
    )
    yield Verdict(
        conversation_id="talk",
        time=now + 2,
        accepted=False,
        reason="tests_fail",
        tests=1,
    )
    yield GuardEvent(
        conversation_id="talk",
        time=now + 2,
        guard="breaker",
        kind="opened",
        detail={"endpoint": "complex", "error": "overloaded"},
    )
    yield GuardEvent(
        conversation_id="talk",
        time=now + 2,
        guard="budget",
        kind="soft_limit",
        detail={"limit": "day:team:usd:18000000000"},
    )


def run(*args: object) -> Result:
    return CliRunner(env={"COLUMNS": "200"}).invoke(tiered_router, [*map(str, args)])
