"""The conversations that ``run`` keeps, read from disk without the SDK."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import click


_FIRST_EVENTS = 20
"""The user's first message is among so many."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A conversation on disk."""

    id: str
    workspace: str
    status: str
    cost_usd: float
    time: float
    """When it was last written, epoch seconds."""
    task: str
    """The user's first words."""


def kept_in(directory: Path) -> list[Kept]:
    """The conversations in that directory, the newest first."""
    if not directory.is_dir():
        return []
    found = (read(place) for place in directory.iterdir() if _is_id(place.name))
    return sorted(filter(None, found), key=lambda kept: kept.time, reverse=True)


def newest_in(directory: Path, workspace: Path) -> UUID:
    """The conversation that was last worked on in that workspace.

    Raises:
        click.UsageError: There is none.
    """
    here = str(workspace.resolve())
    found = next((k for k in kept_in(directory) if k.workspace == here), None)
    if found is None:
        raise click.UsageError(f"no conversation to continue in {here}")
    return UUID(found.id)


def found_id(directory: Path, text: str, option: str = "--resume") -> UUID:
    """The conversation whose id begins so.

    Raises:
        click.BadParameter: None does, or several do.
    """
    wanted = text.replace("-", "").lower()
    places = (directory, directory / "sandboxed")
    names = {p.name for place in places if place.is_dir() for p in place.iterdir()}
    found = sorted(n for n in names if _is_id(n) and n.startswith(wanted))
    if len(found) == 1 and wanted:
        return UUID(found[0])
    said = (
        f"several conversations begin with {text}"
        if found
        else (f"no conversation {text} in {directory}")
    )
    remedy = "`tiered-router conversations list` shows them; see --state-dir"
    raise click.BadParameter(f"{said}; {remedy}", param_hint=option)


def budget_of(directory: Path, id: UUID) -> float | None:
    """USD that `run --budget` allowed it; ``None``: nothing was given."""
    from openhands_tiered_router.guards.budget.messages import COMMAND_LINE

    found = _json(directory / id.hex / "base_state.json")
    for key in ("agent", "llm", "settings"):
        found = found.get(key) if isinstance(found, dict) else None
    budgets = (found.get("budgets") if isinstance(found, dict) else None) or ()
    given = (b.get("usd") for b in budgets if b.get("name") == COMMAND_LINE)
    return next(given, None)


def _is_id(name: str) -> bool:
    return len(name) == 32 and all(c in "0123456789abcdef" for c in name)


def read(place: Path) -> Kept | None:
    """``None``: it is not readable, or not one."""
    file = place / "base_state.json"
    state = _json(file)
    if not isinstance(state, dict):
        return None
    books = (state.get("stats") or {}).get("usage_to_metrics") or {}
    return Kept(
        id=str(UUID(place.name)),
        workspace=str((state.get("workspace") or {}).get("working_dir", "?")),
        status=str(state.get("execution_status", "?")),
        cost_usd=sum(book.get("accumulated_cost") or 0.0 for book in books.values()),
        time=file.stat().st_mtime,
        task=" ".join(_first_message(place).split()),
    )


def _events(place: Path) -> list[Path]:
    return sorted((place / "events").glob("event-*.json"))


def _first_message(place: Path) -> str:
    for file in _events(place)[:_FIRST_EVENTS]:
        event = _json(file)
        if event.get("kind") == "MessageEvent" and event.get("source") == "user":
            return _text(event.get("llm_message"))
    return ""


def answer_of(place: Path) -> str:
    """What the agent said last."""
    for file in reversed(_events(place)):
        event = _json(file)
        if event.get("source") != "agent":
            continue
        if event.get("kind") == "MessageEvent":
            return _text(event.get("llm_message"))
        action = event.get("action")
        if isinstance(action, dict) and action.get("kind") == "FinishAction":
            return str(action.get("message", ""))
    return ""


def _text(message: Any) -> str:
    parts = message.get("content", ()) if isinstance(message, dict) else ()
    return " ".join(p.get("text", "") for p in parts if isinstance(p, dict))


def _json(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
