"""Sums over groups of decisions, so that the file is gone through only once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields, replace

from openhands_tiered_router.core.decision import Usage
from openhands_tiered_router.telemetry.aggregates import Group


def folded(groups: Iterable[Group], *places: int) -> tuple[Group, ...]:
    """Groups by those places of the key alone, in its order; unknown keys first."""
    found: dict[tuple[str | int | None, ...], list[Group]] = {}
    for group in groups:
        found.setdefault(tuple(group.key[p] for p in places), []).append(group)
    order = sorted(found, key=lambda key: [(k is not None, str(k)) for k in key])
    return tuple(_sum(key, found[key]) for key in order)


def _sum(key: tuple[str | int | None, ...], groups: Sequence[Group]) -> Group:
    counts = {
        f.name: sum(getattr(g, f.name) for g in groups)
        for f in fields(Group)
        if f.name not in ("key", "usage", "quality")
    }
    tokens = {
        f.name: sum(getattr(g.usage, f.name) for g in groups) for f in fields(Usage)
    }
    points = sum((g.quality or 0.0) * g.assessed for g in groups)
    assessed = counts["assessed"]
    return replace(
        groups[0],
        key=key,
        usage=Usage(**tokens),
        quality=points / assessed if assessed else None,
        **counts,
    )
