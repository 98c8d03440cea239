"""What Prometheus gets, after real conversations and made-up records."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from openhands_tiered_router.calls.settings import BreakerSettings
from openhands_tiered_router.guards.budget.limits import Budget, Scope
from openhands_tiered_router.loopback import Reply
from openhands_tiered_router.loopback.faults import server_error
from openhands_tiered_router.policy.decision import Decision
from openhands_tiered_router.policy.outcome import Attempt, ErrorKind, Outcome, Usage
from openhands_tiered_router.record.metrics.counters import MAX_VALUES, OTHER
from openhands_tiered_router.record.metrics.exposition import Exposition
from openhands_tiered_router.record.telemetry import recorder as recording
from openhands_tiered_router.record.telemetry.recorder import TelemetryRecorder
from openhands_tiered_router.record.telemetry.records import Verdict, routed
from openhands_tiered_router.record.telemetry.settings import TelemetrySettings
from openhands_tiered_router.settings import RouterSettings
from openhands_tiered_router.tiers import Endpoint, Tier, TierSet


ROOT = Path(__file__).parents[3]
DASHBOARD = ROOT / "examples" / "monitoring" / "grafana.json"
PAGE = ROOT / "docs" / "metrics.md"
LABELS = {
    "budget", "endpoint", "error", "guard", "judge", "kind", "le", "model", "purpose",
    "result", "scope", "tier", "type", "unit", "version",
}  # fmt: skip
"""All labels; none whose values grow with use, such as a conversation's id."""


def families(shown: Exposition) -> dict[str, Metric]:
    text = shown.answer("/metrics").body.decode()
    return {f.name: f for f in text_string_to_metric_families(text)}


def values(shown: Exposition, name: str, label: str) -> dict[str, float]:
    """Sums of a metric's samples by one label."""
    found: dict[str, float] = defaultdict(float)
    for family in families(shown).values():
        for sample in family.samples:
            if sample.name == name:
                found[sample.labels.get(label, "")] += sample.value
    return dict(found)


def sample_names(shown: Exposition) -> set[str]:
    """Also of metrics that have counted nothing yet."""
    suffixes = {
        "counter": ["_total"],
        "histogram": ["_bucket", "_count", "_sum"],
        "gauge": [""],
    }
    return {
        name + suffix
        for name, family in families(shown).items()
        for suffix in suffixes[family.type]
    }


def run(world: Any, router: Any, text: str = "Look around.") -> Any:
    conversation = world.conversation(world.agent(router), callbacks=router.callbacks())
    conversation.send_message(text)
    conversation.run()
    return conversation


def test_the_numbers_are_those_of_the_bill(world, shown: Exposition) -> None:
    run(world, world.router())
    charged = world.provider.charged
    cost = values(shown, "tiered_router_cost_usd_total", "tier")
    assert sum(cost.values()) == pytest.approx(world.provider.total_usd)
    assert values(shown, "tiered_router_decisions_total", "tier") == {
        "complex": 2,
        "simple": 3,
    }
    tokens = values(shown, "tiered_router_tokens_total", "type")
    assert tokens["output"] == sum(c.usage.completion for c in charged)
    read = (tokens.get(k, 0) for k in ("input", "cache_read", "cache_write"))
    assert sum(read) == sum(c.usage.prompt for c in charged)
    assert values(shown, "tiered_router_attempts_total", "error") == {"none": 5}
    counts = "tiered_router_{}_seconds_count"
    assert values(shown, counts.format("decision_duration"), "") == {"": 5}
    assert values(shown, counts.format("call_duration"), "tier") == {
        "complex": 2,
        "simple": 3,
    }
    assert values(shown, counts.format("time_to_first_token"), "tier") == {}


def test_names_units_and_help_are_as_promtool_wants_them(shown: Exposition) -> None:
    found = families(shown)
    assert len(found) > 20
    for name, family in found.items():
        assert re.fullmatch(r"tiered_router_[a-z]+(_[a-z]+)*", name), name
        assert family.documentation.endswith("."), name
        assert not name.endswith(("_count", "_sum", "_bucket", "_total")), name
        if family.type == "histogram":
            assert name.endswith("_seconds"), name
        assert not re.search(r"_(ms|millis|us|minutes|percent|cents)\b", name), name
    assert {f.type for f in found.values()} == {"counter", "gauge", "histogram"}


def test_labels_are_few(world, shown: Exposition) -> None:
    run(world, world.router())
    used = {
        label
        for family in families(shown).values()
        for sample in family.samples
        for label in sample.labels
    }
    assert used <= LABELS
    assert {"tier", "endpoint", "model"} <= used


def test_values_of_labels_from_outside_are_limited(shown: Exposition) -> None:
    recorder = TelemetryRecorder.disabled()
    for number in range(MAX_VALUES + 20):
        recorder.record(
            Verdict(
                conversation_id=str(number),
                time=0.0,
                judge=f"judge {number}",
                accepted=True,
                reason="passed",
            )
        )
    judges = values(shown, "tiered_router_verdicts_total", "judge")
    assert len(judges) == MAX_VALUES + 1
    assert judges[OTHER] == 20


def test_failures_failovers_and_breakers(world, shown: Exposition) -> None:
    router = world.router(
        {"complex": "openai/gpt-4o", "reasoning": "openai/gpt-4o-mini"},
        settings=RouterSettings(
            dispatch=world.quick, breaker=BreakerSettings(cooldown=600.0)
        ),
    )
    world.provider.script = lambda r: (
        server_error(503) if r.model == "gpt-4o" else world.finish()
    )
    run(world, router)
    run(world, router)
    assert values(shown, "tiered_router_failovers_total", "endpoint")["reasoning"] >= 1
    errors = values(shown, "tiered_router_attempts_total", "error")
    assert errors["overloaded"] >= 2
    # Routers of earlier tests may not have been collected yet.
    state = values(shown, "tiered_router_breaker_open", "endpoint")
    assert (state["complex"], state["reasoning"]) == (1, 0)
    events = values(shown, "tiered_router_guard_events_total", "kind")
    assert events["opened"] == 1
    assert shown.answer("/health/ready").status == 200


@pytest.mark.own_fault
def test_no_endpoint_left_is_not_ready_but_alive(world, shown: Exposition) -> None:
    # Open for long enough to be seen on a slow machine.
    settings = RouterSettings(
        dispatch=world.quick.model_copy(update={"total_timeout": 2.0}),
        breaker=BreakerSettings(failures=1, cooldown=600.0),
    )
    router = world.router({"complex": "openai/gpt-4o"}, settings=settings)
    assert shown.answer("/health/ready").status == 200
    world.provider.script = lambda _: server_error(503)
    with pytest.raises(Exception, match="503|unavailable|overloaded"):
        run(world, router)
    assert values(shown, "tiered_router_failed_calls_total", "error")
    assert shown.answer("/health/ready").status == 503
    assert shown.answer("/health/live").status == 200


def test_budgets_and_telemetry(world, shown: Exposition) -> None:
    budgets = (
        Budget(name="all", scope=Scope.DAY, usd=5.0, turns=100),
        Budget(name="one", usd=1.0),
    )
    router = world.router(settings=RouterSettings(budgets=budgets))
    run(world, router)
    router.recorder.flush(60)
    left = values(shown, "tiered_router_budget_remaining", "unit")
    assert left["usd"] == pytest.approx(5.0 - world.provider.total_usd, abs=1e-8)
    assert left["turns"] == 95
    limits = values(shown, "tiered_router_budget_limit", "budget")
    assert limits == {"all": 105.0}  # one a conversation would be many series
    router.raise_budget("all", usd=7.0)
    assert values(shown, "tiered_router_budget_limit", "unit")["usd"] == 7.0
    written = values(shown, "tiered_router_telemetry_written_records_total", "")
    assert written[""] >= 10
    assert values(shown, "tiered_router_telemetry_dropped_records_total", "") == {"": 0}


def test_it_counts_without_telemetry_too(world, shown: Exposition) -> None:
    router = world.router(
        settings=RouterSettings(telemetry=TelemetrySettings(enabled=False))
    )
    run(world, router)
    decided = values(shown, "tiered_router_decisions_total", "tier")
    assert sum(decided.values()) == 5


def test_no_text_and_no_key_is_shown(world, shown: Exposition) -> None:
    secrets = [
        "AKIAABCDEFGHIJKLMNOP",
        "jane.doe@example.com",
        "sk-loopback",
        "notes.txt",
    ]
    run(world, world.router(), f"Use {secrets[0]} and write to {secrets[1]}.")
    key = "sk-proj-0123456789abcdefghij"
    endpoint = f"simple/{key}"
    TelemetryRecorder.disabled().record(
        routed(
            Decision(tier=Tier.SIMPLE, endpoint=endpoint, required=Tier.SIMPLE),
            Outcome(
                endpoint=endpoint,
                attempts=(
                    Attempt(endpoint="simple", error=ErrorKind.OTHER, seconds=1),
                ),
                usage=Usage(prompt=1),
            ),
            decision_id="1",
            conversation_id=None,
            time=0.0,
            tiers=TierSet(
                (Endpoint(key=endpoint, tier=Tier.SIMPLE, model=f"openai/{key}"),)
            ),
        )
    )
    text = shown.answer("/metrics").body.decode()
    assert "[redacted]" in text
    assert not [s for s in (*secrets, key, "127.0.0.1") if s in text]


@pytest.mark.own_fault
def test_what_cannot_be_counted_fails_no_call(
    world, shown: Exposition, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "openhands_tiered_router.record.metrics.counters.clean.name", lambda _: 1 / 0
    )
    conversation = run(world, world.router())
    assert conversation.state.execution_status.value == "finished"


def test_the_dashboard_names_only_what_exists(world, shown: Exposition) -> None:
    run(world, world.router())
    dashboard = json.loads(DASHBOARD.read_text())
    expressions = [t["expr"] for p in dashboard["panels"] for t in p["targets"]]
    queries = [v["query"] for v in dashboard["templating"]["list"]]
    used = set(re.findall(r"tiered_router_\w+", json.dumps([expressions, queries])))
    assert used <= sample_names(shown)
    grouped = re.findall(r"by \(([\w, ]+)\)", " ".join(expressions))
    legends = re.findall(
        r"{{(\w+)}}", json.dumps([p["targets"] for p in dashboard["panels"]])
    )
    assert {n.strip() for g in grouped for n in g.split(",")} | {*legends} <= LABELS
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(ids)) == len(ids)


def test_the_page_names_each_metric_and_no_other(shown: Exposition) -> None:
    named = set(re.findall(r"^\| `(tiered_router_\w+)`", PAGE.read_text(), re.M))
    exist = {
        name + ("_total" if family.type == "counter" else "")
        for name, family in families(shown).items()
        if not name.endswith("_created")
    }
    assert named == exist


def test_openmetrics_is_spoken_too(world, shown: Exposition) -> None:
    world.provider.script = lambda _: Reply(text="Done.")
    answer = shown.answer("/metrics", "application/openmetrics-text; version=1.0.0")
    assert answer.content_type.startswith("application/openmetrics-text")
    assert answer.body.endswith(b"# EOF\n")


def test_the_file_gives_the_same_numbers_as_the_process(
    world, shown: Exposition, monkeypatch: pytest.MonkeyPatch
) -> None:
    router = world.router()
    path = router.recorder.path
    monkeypatch.setattr(recording, "_observers", ())  # as if in another process
    run(world, router)
    router.recorder.flush(60)
    shown.follow(path)
    before = world.provider.total_usd
    assert values(shown, "tiered_router_cost_usd_total", "tier") == {}
    run(world, router)
    router.recorder.flush(60)
    for _ in range(2):  # each call once, however often it is asked
        cost = values(shown, "tiered_router_cost_usd_total", "tier")
        assert sum(cost.values()) == pytest.approx(world.provider.total_usd - before)
        decided = values(shown, "tiered_router_decisions_total", "tier")
        assert decided == {"complex": 2, "simple": 3}
    assert values(shown, "tiered_router_attempts_total", "error") == {"none": 5}


@pytest.mark.slow
def test_the_command_serves_it(world, tmp_path: Path) -> None:
    router = world.router()
    run(world, router)
    router.recorder.flush(60)
    process = subprocess.Popen(
        [sys.executable, "-m", "openhands_tiered_router", "metrics", "--port", "0"]
        + ["--telemetry", str(router.recorder.path)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        address = process.stdout.readline().split()[1]
        run(world, router)
        router.recorder.flush(60)
        text = httpx.get(address, timeout=60).text
    finally:
        process.terminate()
        process.wait()
    assert 'tiered_router_decisions_total{purpose="agent",tier="simple"} 3.0' in text
