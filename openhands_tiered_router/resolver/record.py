"""What is known of a resolution between runs: one small JSON file."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final
from uuid import NAMESPACE_URL, UUID, uuid5

from openhands_tiered_router import textfiles
from openhands_tiered_router.resolver.errors import ResolveError


_NAME: Final = "record.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One issue in one repository."""

    base: str
    """Commit that the work began at."""
    fingerprint: str
    """Of the issue's text that the agent was told."""
    dependencies: dict[str, str]
    """Hash of each dependency file at that commit."""
    commit: str = ""
    """The finished work; "": there is none yet."""
    verified: bool = False
    previous: str = ""
    """The finished work of an earlier beginning, at which the branch may stand."""


def id_of(repository: str, issue: str) -> UUID:
    """The conversation's id: the same for the same issue in the same repository."""
    return uuid5(NAMESPACE_URL, f"tiered-router:resolve\n{repository}\n{issue}")


def load(directory: Path) -> Record | None:
    """The record that is kept there.

    Raises:
        ResolveError: It is damaged.
    """
    path = directory / _NAME
    try:
        found: Any = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        found = None
    kinds = {"dependencies": dict, "verified": bool}
    names = [field.name for field in fields(Record)]
    if not isinstance(found, dict) or any(
        not isinstance(found.get(name), kinds.get(name, str)) for name in names
    ):
        raise ResolveError(f"{path} is damaged; begin anew with --fresh")
    return Record(**{name: found[name] for name in names})


def save(directory: Path, record: Record) -> None:
    """Keep it, whole or not at all."""
    textfiles.write(directory / _NAME, json.dumps(asdict(record)))
