"""What verdicts tell of models."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from openhands_tiered_router.cli.deciding import decider
from openhands_tiered_router.policy.decision import Decision
from openhands_tiered_router.policy.outcome import Attempt, Outcome, Usage
from openhands_tiered_router.record.telemetry.records import (
    Record,
    Verdict,
    replace,
    routed,
)
from openhands_tiered_router.record.telemetry.settings import TelemetrySettings
from openhands_tiered_router.record.telemetry.store import Store
from openhands_tiered_router.record.telemetry.verdicts import (
    moved_by_verdicts,
    verdicts_by_model,
)
from openhands_tiered_router.tiers import Endpoint, Tier


OUTCOME = Outcome(
    endpoint="simple",
    attempts=(Attempt(endpoint="simple", error=None, seconds=1.0),),
    usage=Usage(prompt=10, completion=1),
    cost=0.1,
    seconds=1.0,
)


def conversation(
    name: str, models: Sequence[str], *said: tuple[str, bool | None]
) -> list[Record]:
    """A turn a model, and what judges said afterwards."""
    decision = Decision(tier=Tier.SIMPLE, endpoint="simple", required=Tier.SIMPLE)
    records: list[Record] = []
    for turn, model in enumerate(models):
        key = f"{name}-{turn}"
        call = routed(
            decision,
            OUTCOME,
            decision_id=key,
            conversation_id=name,
            time=turn,
            turn=turn,
        )
        records.append(replace(call, served_model=model))
    for at, (judge, accepted) in enumerate(said):
        records.append(
            Verdict(
                conversation_id=name,
                time=1_000 + at,
                judge=judge,
                accepted=accepted,
                reason="",
            )
        )
    return records


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "telemetry.sqlite3"


def write(path: Path, *conversations: Sequence[Record]) -> None:
    store = Store(path)
    assert store.write([r for records in conversations for r in records]) == 0
    store.close()


def test_a_conversation_counts_for_the_model_that_did_it(path: Path) -> None:
    write(
        path,
        conversation("a", ["x/one"] * 3, ("ci", True)),
        conversation("b", ["x/one"] * 9 + ["x/two"], ("user", False)),
        conversation("c", ["x/two"] * 2, ("user", False), ("user", True)),
        conversation("mixed", ["x/one", "x/two"], ("user", True)),
    )
    assert verdicts_by_model(path) == {"x/one": (1, 1), "x/two": (1, 0)}


def test_the_verifier_is_no_judge_of_models(path: Path) -> None:
    write(
        path,
        conversation("a", ["x/one"], ("verifier", True)),
        conversation("b", ["x/one"], ("user", None)),
        conversation("c", ["x/one"]),
    )
    assert verdicts_by_model(path) == {}


def test_a_file_that_is_missing_tells_nothing(path: Path) -> None:
    assert verdicts_by_model(path) == {}


def test_they_move_the_endpoints_of_their_model_alone(path: Path) -> None:
    write(path, conversation("a", ["x/one"], ("ci", True)))
    both = [Endpoint(key=m, tier=Tier.SIMPLE, model=m) for m in ("x/one", "x/two")]
    found = moved_by_verdicts(both, TelemetrySettings(path=str(path)))
    assert [e.verdicts for e in found] == [(1, 0), (0, 0)]
    off = TelemetrySettings(enabled=False, path=str(path))
    assert moved_by_verdicts(both, off) == tuple(both)


def test_a_file_that_cannot_be_read_moves_nothing(path: Path) -> None:
    path.write_bytes(b"no database" * 100)
    one = Endpoint(key="x/one", tier=Tier.SIMPLE, model="x/one")
    assert moved_by_verdicts([one], TelemetrySettings(path=str(path))) == (one,)


def test_what_decides_for_commands_counts_them(path: Path, tmp_path: Path) -> None:
    model = "anthropic/claude-opus-4-8"
    write(path, conversation("a", [model], ("user", False)))
    config = tmp_path / "router.toml"
    config.write_text(
        f'[telemetry]\npath = "{path}"\n[[tiers.complex.endpoints]]\n'
        f'model = "{model}"\n'
    )
    (endpoint,) = decider(config).engine.tiers.endpoints
    assert endpoint.verdicts == (0, 1)
