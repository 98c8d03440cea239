"""The parts of a decision and an outcome that have no fixed length, as compact JSON.

Candidates and attempts are objects without the fields that have their default;
a reason is ``[rule, text]``, a dimension ``[name, value, weight, evidence]``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from openhands_tiered_router.policy.decision import (
    Candidate,
    Decision,
    Dimension,
    Reason,
)
from openhands_tiered_router.policy.outcome import Attempt, ErrorKind
from openhands_tiered_router.record.telemetry import clean
from openhands_tiered_router.record.telemetry.records import Detail
from openhands_tiered_router.tiers import Tier


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """The parts of a decision that are stored apart."""

    fallbacks: tuple[str, ...] = ()
    candidates: tuple[Candidate, ...] = ()
    reasons: tuple[Reason, ...] = ()
    dimensions: tuple[Dimension, ...] = ()


def encode_explanation(decision: Decision) -> str:
    parts = (
        _encode_names(decision.fallbacks),
        _encode_candidates(decision.candidates),
        _encode_reasons(decision.reasons),
        _encode_dimensions(decision.dimensions),
    )
    return f"[{','.join(parts)}]"


def _encode_names(names: Iterable[str]) -> str:
    return _dump([clean.name(n) for n in names])


def _encode_candidates(candidates: Iterable[Candidate]) -> str:
    return _dump([_sparse(_candidate(c)) for c in candidates])


def decode_explanation(text: str) -> Explanation:
    """Of the four parts in one JSON list.

    Raises:
        ValueError, TypeError, KeyError: It is something else.
    """
    fallbacks, candidates, reasons, dimensions = json.loads(text)
    return Explanation(
        fallbacks=tuple(fallbacks),
        candidates=tuple(
            Candidate(**(fields | {"tier": Tier.parse(fields["tier"])}))
            for fields in candidates
        ),
        reasons=tuple(Reason(rule, said) for rule, said in reasons),
        dimensions=tuple(
            Dimension(name, _number(value), _number(weight), evidence)
            for name, value, weight, evidence in dimensions
        ),
    )


def _encode_reasons(reasons: Iterable[Reason]) -> str:
    return _dump([[clean.name(r.rule), clean.text(r.text)] for r in reasons])


def _encode_dimensions(dimensions: Iterable[Dimension]) -> str:
    return _dump([_dimension(d) for d in dimensions])


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


def rounded(number: float | None, digits: int) -> float | None:
    """A finite number without the digits that nobody reads."""
    known = finite(number)
    return None if known is None else round(known, digits)


def _candidate(candidate: Candidate) -> dict[str, Any]:
    excluded = candidate.excluded
    return {
        "endpoint": clean.name(candidate.endpoint),
        "tier": str(candidate.tier),
        "excluded": None if excluded is None else clean.text(excluded),
        "cost_now": rounded(candidate.cost_now, 9),
        "cost_return": rounded(candidate.cost_return, 9),
        "warm_tokens": candidate.warm_tokens or None,
        "cache_ttl": candidate.cache_ttl,
    }


def _dimension(dimension: Dimension) -> list[str | float | None]:
    return [
        clean.name(dimension.name),
        rounded(dimension.value, 6),
        rounded(dimension.weight, 6),
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
