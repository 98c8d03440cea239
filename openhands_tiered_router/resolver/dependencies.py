"""Files that say what a project depends on: when they change, installs are stale."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Final

from openhands_tiered_router.git import Git


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
