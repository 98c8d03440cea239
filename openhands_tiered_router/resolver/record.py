"""What is known of a resolution between runs: one small JSON file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path, PurePosixPath
from typing import Any, Final
from uuid import NAMESPACE_URL, UUID, uuid5

from openhands_tiered_router import textfiles
from openhands_tiered_router.git import Git
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


NAMES: Final = frozenset(
    {
        "pyproject.toml", "setup.py", "setup.cfg", "Pipfile", "Pipfile.lock",
        "poetry.lock", "uv.lock", "pdm.lock", "environment.yml",
        "package.json", "package-lock.json", "npm-shrinkwrap.json", "yarn.lock",
        "pnpm-lock.yaml", "bun.lock", "bun.lockb", "deno.lock",
        "go.mod", "go.sum", "Cargo.toml", "Cargo.lock", "Gemfile", "Gemfile.lock",
        "composer.json", "composer.lock", "pom.xml", "build.gradle",
        "build.gradle.kts", "gradle.lockfile", "mix.exs", "mix.lock",
        "Package.swift", "Package.resolved", "Dockerfile",
    }
)  # fmt: skip


def hashes(git: Git, tree: str) -> dict[str, str]:
    """Hash of each dependency file of a git tree, by its path; as git hashes it."""
    found: dict[str, str] = {}
    for line in git("ls-tree", "-r", "-z", tree).split("\0"):
        head, _, path = line.partition("\t")
        name = PurePosixPath(path).name
        if name in NAMES or (name.startswith("requirements") and name.endswith(".txt")):
            found[path] = head.split()[2]
    return found


def changed(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[str, ...]:
    """Paths that differ, are new or are gone."""
    paths = sorted(before.keys() | after.keys())
    return tuple(p for p in paths if before.get(p) != after.get(p))
