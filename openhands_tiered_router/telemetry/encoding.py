"""The parts of a decision and an outcome that have no fixed length, as compact JSON.

Candidates and attempts are objects without the fields that have their default;
a reason is ``[rule, text]``, a dimension ``[name, value, weight, evidence]``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

from openhands_tiered_router.core.decision import (
    Attempt,
    Candidate,
    Dimension,
    ErrorKind,
    Reason,
)
from openhands_tiered_router.telemetry import clean
from openhands_tiered_router.telemetry.records import Detail
from openhands_tiered_router.tiers import Tier


def encode_names(names: Iterable[str]) -> str:
    return _dump([clean.name(n) for n in names])


def decode_names(text: str) -> tuple[str, ...]:
    return tuple(json.loads(text))


def encode_candidates(candidates: Iterable[Candidate]) -> str:
    return _dump([_sparse(_candidate(c)) for c in candidates])


def decode_candidates(text: str) -> tuple[Candidate, ...]:
    return tuple(
        Candidate(**(fields | {"tier": Tier.parse(fields["tier"])}))
        for fields in json.loads(text)
    )


def encode_reasons(reasons: Iterable[Reason]) -> str:
    return _dump([[clean.name(r.rule), clean.text(r.text)] for r in reasons])


def decode_reasons(text: str) -> tuple[Reason, ...]:
    return tuple(Reason(rule, said) for rule, said in json.loads(text))


def encode_dimensions(dimensions: Iterable[Dimension]) -> str:
    return _dump([_dimension(d) for d in dimensions])


def decode_dimensions(text: str) -> tuple[Dimension, ...]:
    return tuple(
        Dimension(name, _number(value), _number(weight), evidence)
        for name, value, weight, evidence in json.loads(text)
    )


def encode_attempts(attempts: Iterable[Attempt]) -> str:
    return _dump([_sparse(_attempt(a)) for a in attempts])


def decode_attempts(text: str) -> tuple[Attempt, ...]:
    return tuple(
        Attempt(
            endpoint=fields["endpoint"],
            error=ErrorKind(fields["error"]) if "error" in fields else None,
            seconds=_number(fields.get("seconds")),
        )
        for fields in json.loads(text)
    )


def encode_detail(detail: Mapping[str, Detail]) -> str:
    return _dump({clean.name(k): _scalar(v) for k, v in detail.items()})


def finite(number: float | None) -> float | None:
    """The number, or ``None`` for one that neither SQL nor JSON can hold."""
    return number if number is not None and math.isfinite(number) else None


def _candidate(candidate: Candidate) -> dict[str, Any]:
    excluded = candidate.excluded
    return {
        "endpoint": clean.name(candidate.endpoint),
        "tier": str(candidate.tier),
        "excluded": None if excluded is None else clean.text(excluded),
        "cost_now": finite(candidate.cost_now),
        "cost_return": finite(candidate.cost_return),
        "warm_tokens": candidate.warm_tokens or None,
    }


def _dimension(dimension: Dimension) -> list[str | float | None]:
    return [
        clean.name(dimension.name),
        finite(dimension.value),
        finite(dimension.weight),
        clean.text(dimension.evidence),
    ]


def _attempt(attempt: Attempt) -> dict[str, Any]:
    return {
        "endpoint": clean.name(attempt.endpoint),
        "error": attempt.error,
        "seconds": finite(attempt.seconds),
    }


def _sparse(fields: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in fields.items() if v is not None}


def _scalar(value: Detail) -> Detail:
    match value:
        case str():
            return clean.name(value)
        case None | bool() | int():
            return value
        case _:
            return finite(value)


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def _dump(value: list[Any] | dict[str, Any]) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
