"""The packages of a JavaScript or TypeScript monorepo."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from openhands_tiered_router.skill_kit.manifests import is_word, purpose_of


_MANIFEST: Final = "package.json"


@dataclass(frozen=True, slots=True)
class Member:
    """One package."""

    folder: str
    """From the root."""
    name: str
    scripts: tuple[str, ...]
    """Those that build, test or check it, by their names."""
    private: bool
    """Not published: an example, a playground, a part of others."""


def members(root: Path) -> list[Member]:
    """The packages that the manifest in ``root`` names, published ones first.

    A pattern that ends with ``/**`` is followed one level deep: below are as many
    folders as dependencies are installed.
    """
    folders: set[Path] = set()
    for pattern in _patterns(root):
        excluded, pattern = pattern.startswith("!"), pattern.removeprefix("!")
        pattern = pattern.rstrip("/").replace("**", "*")
        if not pattern or pattern.startswith("/") or ".." in pattern:
            continue
        found = {path.parent for path in root.glob(f"{pattern}/{_MANIFEST}")}
        folders = folders - found if excluded else folders | found
    read = (_member(root, folder) for folder in folders)
    return sorted(filter(None, read), key=lambda m: (m.private, m.folder))


def _patterns(root: Path) -> Iterator[str]:
    workspaces = _read(root / _MANIFEST).get("workspaces")
    if isinstance(workspaces, dict):
        workspaces = workspaces.get("packages")
    for named in (workspaces, _read(root / "pnpm-workspace.yaml").get("packages")):
        if isinstance(named, list):
            yield from (each for each in named if isinstance(each, str) and each)


def _member(root: Path, folder: Path) -> Member | None:
    place, data = folder.relative_to(root).as_posix(), _read(folder / _MANIFEST)
    name, scripts = data.get("name"), data.get("scripts")
    if not isinstance(name, str) or not is_word(name) or not is_word(place):
        return None
    kept = [s for s in scripts if is_word(s)] if isinstance(scripts, dict) else []
    useful = tuple(s for s in kept if purpose_of(s))
    return Member(place, name, useful, private=data.get("private") is True)


def _read(path: Path) -> dict[str, Any]:
    """Empty if it is not there, or not what it should be."""
    read = json.loads if path.suffix == ".json" else yaml.safe_load
    try:
        found = read(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
