"""Where packages are: what Go, Cargo, npm and TypeScript manifests say of it."""

import json
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from posixpath import basename, dirname, join, normpath
from typing import Any, Final


MANIFESTS: Final = frozenset(
    {"go.mod", "Cargo.toml", "package.json", "tsconfig.json", "jsconfig.json"}
)
"""File names that decide how imports are resolved."""
LIMIT: Final = 1_000_000
"""Bytes; a larger manifest is ignored."""

_GO_MODULE: Final = re.compile(r"^\s*module\s+\"?([^\s\"]+)", re.MULTILINE)
_JSONC: Final = re.compile(r'"(?:\\.|[^"\\])*"|//[^\n]*|/\*.*?\*/', re.DOTALL)
_TRAILING: Final = re.compile(r'"(?:\\.|[^"\\])*"|,(?=\s*[}\]])')


@dataclass(frozen=True, slots=True)
class PathMapping:
    """A ``compilerOptions.paths`` table and the directory that it is for."""

    scope: str
    """Directory of the tsconfig; it holds for the files below."""
    base: str
    """Directory that targets are relative to."""
    paths: tuple[tuple[str, tuple[str, ...]], ...]
    """Patterns with at most one ``*``, and where they may lead."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The workspace's packages; all directories are POSIX, relative, "" = root."""

    go_modules: tuple[tuple[str, str], ...] = ()
    """(module path, directory), longest path first."""
    crates: tuple[tuple[str, str], ...] = ()
    """(crate name with underscores, directory of its Cargo.toml).

    After those come the other names that manifests give them as dependencies.
    """
    packages: tuple[tuple[str, str], ...] = ()
    """(npm package name, directory), longest name first."""
    mappings: tuple[PathMapping, ...] = ()
    """Deepest scope first."""


def read_layout(root: Path, manifests: Iterable[str]) -> Layout:
    """Read the manifests of a workspace; one that cannot be read is left out."""
    go_modules: list[tuple[str, str]] = []
    crates: list[tuple[str, str]] = []
    renamed: list[tuple[str, str]] = []
    packages: list[tuple[str, str]] = []
    mappings: list[PathMapping] = []
    for path in sorted(manifests):
        text, folder = _text(root / path), dirname(path)
        match basename(path):
            case "go.mod":
                found = _GO_MODULE.search(text)
                go_modules.extend([(found[1], folder)] if found else [])
            case "Cargo.toml":
                table = _toml(text)
                name = _crate(table)
                crates.extend([(name, folder)] if name else [])
                renamed.extend(_renamed(table, folder))
            case "package.json":
                name = _field(_json(text), "name")
                packages.extend([(name, folder)] if name else [])
            case _:
                mapping = _mapping(_json(text), folder)
                mappings.extend([mapping] if mapping else [])
    return Layout(
        go_modules=_longest_first(go_modules),
        crates=(*sorted(crates), *sorted(renamed)),
        packages=_longest_first(packages),
        mappings=tuple(sorted(mappings, key=lambda m: (-len(m.scope), m.scope))),
    )


def _longest_first(pairs: list[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(pairs, key=lambda pair: (-len(pair[0]), pair)))


def _text(path: Path) -> str:
    try:
        if path.is_symlink() or path.stat().st_size > LIMIT:
            return ""
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""


def _toml(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return {}


def _crate(table: dict[str, Any]) -> str:
    name = _field(table.get("lib"), "name") or _field(table.get("package"), "name")
    return name.replace("-", "_")


def _renamed(table: Any, folder: str) -> Iterable[tuple[str, str]]:
    """Yield the dependencies with a name of their own, and where they are.

    That is ``short = { package = "a-long-name", path = "../long" }``, in any table
    of dependencies: of a target or the workspace, too.
    """
    for key, value in table.items() if isinstance(table, dict) else ():
        if not key.endswith("dependencies"):
            yield from _renamed(value, folder)
            continue
        for name, found in value.items() if isinstance(value, dict) else ():
            path = _field(found, "path") if _field(found, "package") else ""
            place = inside(join(folder, path)) if path else None
            if place is not None:
                yield name.replace("-", "_"), place


def _json(text: str) -> Any:
    """Read JSON with comments and trailing commas; {} if it is neither."""
    text = _JSONC.sub(lambda m: m[0] if m[0].startswith('"') else "", text)
    text = _TRAILING.sub(lambda m: m[0] if m[0].startswith('"') else "", text)
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return {}


def _field(table: Any, name: str) -> str:
    value = table.get(name) if isinstance(table, dict) else None
    return value if isinstance(value, str) else ""


def _mapping(table: Any, folder: str) -> PathMapping | None:
    options = table.get("compilerOptions") if isinstance(table, dict) else None
    paths = options.get("paths") if isinstance(options, dict) else None
    base_url = _field(options, "baseUrl")
    paths = dict(paths) if isinstance(paths, dict) else {}
    if base_url:
        paths.setdefault("*", ["*"])
    base = inside(join(folder, base_url)) if base_url else folder
    entries = tuple(
        (pattern, tuple(t for t in targets if isinstance(t, str)))
        for pattern, targets in paths.items()
        if isinstance(targets, list) and pattern.count("*") <= 1
    )
    if not entries or base is None:
        return None
    return PathMapping(folder, base, entries)


def inside(path: str) -> str | None:
    """Normalise a relative path; None if it leads out of the workspace."""
    clean = normpath(path) if path else "."
    if clean == ".":
        return ""
    return None if clean.startswith(("..", "/")) else clean
