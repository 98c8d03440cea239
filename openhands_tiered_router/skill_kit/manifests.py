"""What a repository's manifests say on how it is built, tested and started.

Only what a file says: a command is listed if the manifest names its tool, and
never because projects of that kind usually have one. Values are read, none is run.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Fact:
    """One command or entry point, and the file that says so."""

    what: str
    """Such as ``test``; or the name that starts a program."""
    value: str
    """The command; or what it starts."""
    source: str


@dataclass(slots=True)
class Manifests:
    """All that was found."""

    commands: list[Fact] = field(default_factory=list)
    entries: list[Fact] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    """Manifests that are there and cannot be read."""


PURPOSES: Final = ("install", "build", "test", "lint", "typecheck", "format")
"""What commands are for, in the order of the page."""

_WORD: Final = re.compile(r"[\w.:@/-]{1,80}")
_TARGET: Final = re.compile(r"^([a-zA-Z][\w-]*):(?!=)", re.MULTILINE)
_VARIANT: Final = re.compile("[:-]")
_RUNNERS: Final = {
    "pnpm-lock.yaml": "pnpm",
    "yarn.lock": "yarn",
    "bun.lock": "bun",
    "bun.lockb": "bun",
}
_SYNONYMS: Final = {
    "check": "lint",
    "typecheck": "typecheck",
    "type-check": "typecheck",
    "types": "typecheck",
    "fmt": "format",
    "deps": "install",
}
_TOOLS: Final = {
    "ruff": ("lint", "ruff check ."),
    "flake8": ("lint", "flake8"),
    "black": ("format", "black ."),
    "mypy": ("typecheck", "mypy ."),
    "pyright": ("typecheck", "pyright"),
}
_MYPY_NAMES: Final = frozenset({"files", "packages", "modules"})
"""Its settings that name what it checks, unless the command line does."""


def manifests(root: Path) -> Manifests:
    """Read the manifests in ``root`` itself."""
    found = Manifests()
    for name, read in _READERS.items():
        path = root / name
        if not path.is_file():
            continue
        try:
            read(root, path.read_text(encoding="utf-8"), found)
        except (OSError, ValueError, AttributeError, TypeError, RecursionError):
            found.unreadable.append(name)
    found.commands.sort(key=lambda fact: PURPOSES.index(fact.what))
    return found


def _makefile(_: Path, text: str, found: Manifests) -> None:
    for target in sorted(dict.fromkeys(_TARGET.findall(text)), key=_is_variant):
        if purpose := purpose_of(target):
            found.commands.append(Fact(purpose, f"make {target}", "Makefile"))


def _pyproject(root: Path, text: str, found: Manifests) -> None:
    name, data = "pyproject.toml", tomllib.loads(text)
    tools, project = data.get("tool", {}), data.get("project", {})
    uv, poetry = (root / "uv.lock").is_file(), "poetry" in tools
    run = "uv run " if uv else "poetry run " if poetry else ""
    if uv or poetry or "build-system" in data:
        install = (
            "uv sync" if uv else "poetry install" if poetry else "pip install -e ."
        )
        found.commands.append(Fact("install", install, name))
    if "pytest" in tools or (root / "pytest.ini").is_file():
        found.commands.append(Fact("test", f"{run}pytest", name))
    if "tox" in tools:
        found.commands.append(Fact("test", "tox", name))
    for tool, (purpose, command) in _TOOLS.items():
        if tool in tools:
            if tool == "mypy" and tools[tool].keys() & _MYPY_NAMES:
                command = tool
            found.commands.append(Fact(purpose, run + command, name))
    scripts = project.get("scripts") or tools.get("poetry", {}).get("scripts", {})
    found.entries += _named(scripts, name)


def _tox(_: Path, __: str, found: Manifests) -> None:
    found.commands.append(Fact("test", "tox", "tox.ini"))


def _nox(_: Path, __: str, found: Manifests) -> None:
    found.commands.append(Fact("test", "nox", "noxfile.py"))


def _package_json(root: Path, text: str, found: Manifests) -> None:
    name, data = "package.json", json.loads(text)
    runners = [run for lock, run in _RUNNERS.items() if (root / lock).is_file()]
    runner = runners[0] if runners else "npm"
    found.commands.append(Fact("install", f"{runner} install", name))
    for script in sorted(data.get("scripts", {}), key=_is_variant):
        purpose = purpose_of(script)
        if purpose and is_word(script):
            found.commands.append(Fact(purpose, f"{runner} run {script}", name))
    bins = data.get("bin", {})
    found.entries += _named(
        {data.get("name"): bins} if isinstance(bins, str) else bins, name
    )
    found.entries += _named({"import": data.get("main")}, name)


def _go(_: Path, __: str, found: Manifests) -> None:
    found.commands.append(Fact("build", "go build ./...", "go.mod"))
    found.commands.append(Fact("test", "go test ./...", "go.mod"))


def _cargo(_: Path, text: str, found: Manifests) -> None:
    name, data = "Cargo.toml", tomllib.loads(text)
    workspace = " --workspace" if "workspace" in data else ""
    found.commands.append(Fact("build", f"cargo build{workspace}", name))
    found.commands.append(Fact("test", f"cargo test{workspace}", name))
    programs = data.get("bin", [])
    found.entries += _named({b.get("name"): b.get("path") for b in programs}, name)


_READERS: Final[dict[str, Callable[[Path, str, Manifests], None]]] = {
    "Makefile": _makefile,
    "pyproject.toml": _pyproject,
    "tox.ini": _tox,
    "noxfile.py": _nox,
    "package.json": _package_json,
    "go.mod": _go,
    "Cargo.toml": _cargo,
}
LOOKED_FOR: Final = tuple(_READERS)


def is_word(text: str) -> bool:
    """Whether it is fit for the page, which ends up in prompts: no sentence."""
    return _WORD.fullmatch(text) is not None


def purpose_of(name: str) -> str | None:
    """What a script or target is for, by its name, such as ``test:unit``."""
    first = _VARIANT.split(name)[0]
    purpose = _SYNONYMS.get(name) or _SYNONYMS.get(first, first)
    return purpose if purpose in PURPOSES else None


def _is_variant(name: str) -> bool:
    return _VARIANT.search(name) is not None


def _named(table: dict[Any, Any], source: str) -> Iterator[Fact]:
    for name, value in table.items():
        texts = isinstance(name, str) and isinstance(value, str)
        if texts and is_word(name) and is_word(value):
            yield Fact(name, value, source)
