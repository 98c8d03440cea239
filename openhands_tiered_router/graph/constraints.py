"""Go's build constraints: which of two files that define one name is built here.

A constraint is an expression of tags (``linux && !cgo``), from a file's name
(``a_windows_amd64.go``) and its ``//go:build`` line; "" is no constraint.
https://pkg.go.dev/cmd/go#hdr-Build_constraints
"""

import platform
import re
import sys
from functools import cache
from typing import Final


HEAD: Final = 4_000
"""Bytes of a file in which its ``//go:build`` line is looked for."""

_LINE: Final = re.compile(rb"^//go:build\s+([^\n]+)", re.MULTILINE)
_PACKAGE: Final = re.compile(rb"^package\b", re.MULTILINE)
_SYSTEM_NAMES: Final = (
    "aix android darwin dragonfly freebsd illumos ios js linux nacl netbsd openbsd"
    " plan9 solaris wasip1 windows zos"
)
_MACHINE_NAMES: Final = (
    "386 amd64 arm arm64 loong64 mips mips64 mips64le mipsle ppc64 ppc64le riscv64"
    " s390x sparc64 wasm"
)
_SYSTEMS: Final = frozenset(_SYSTEM_NAMES.split())
_MACHINES: Final = frozenset(_MACHINE_NAMES.split())
_UNIX: Final = _SYSTEMS - {"js", "nacl", "plan9", "wasip1", "windows", "zos"}
_TOKEN: Final = re.compile(r"\s*(&&|\|\||!|\(|\)|[\w.]+)")
_RENAMED: Final = {
    "x86_64": "amd64", "aarch64": "arm64", "i686": "386", "win32": "windows",
}  # fmt: skip


def constraint_of(path: str, source: bytes) -> str:
    """Return the constraint of a Go file."""
    stem = path.rpartition("/")[2].removesuffix(".go").removesuffix("_test")
    parts = stem.split("_")[1:]
    tags: list[str] = []
    if parts and parts[-1] in _MACHINES:
        tags = [parts[-1]]
        if len(parts) > 1 and parts[-2] in _SYSTEMS:
            tags.insert(0, parts[-2])
    elif parts and parts[-1] in _SYSTEMS:
        tags = [parts[-1]]
    line = _LINE.search(_PACKAGE.split(source[:HEAD], maxsplit=1)[0])
    if line:
        text = line[1].decode("utf-8", "replace").strip()
        tags.append(f"({text})" if tags else text)
    return " && ".join(tags)


@cache
def built_here(constraint: str) -> bool:
    """Whether this host builds a file by default; what cannot be read, it does."""
    if not constraint:
        return True
    tokens = _TOKEN.findall(constraint)
    try:
        return _any(tokens)
    except (IndexError, RecursionError, ValueError):
        return True


def _any(tokens: list[str]) -> bool:
    found = _all(tokens)
    while tokens and tokens[0] == "||":
        tokens.pop(0)
        found = _all(tokens) or found
    return found


def _all(tokens: list[str]) -> bool:
    found = _one(tokens)
    while tokens and tokens[0] == "&&":
        tokens.pop(0)
        found = _one(tokens) and found
    return found


def _one(tokens: list[str]) -> bool:
    token = tokens.pop(0)
    if token in ("&&", "||", ")"):
        raise ValueError(token)
    if token == "!":
        return not _one(tokens)
    if token == "(":
        found = _any(tokens)
        tokens.pop(0)
        return found
    return _holds(token)


def _holds(tag: str) -> bool:
    """Whether the Go tools set a tag by default on this host."""
    system = _RENAMED.get(sys.platform, sys.platform)
    machine = platform.machine().lower()
    if tag in (system, _RENAMED.get(machine, machine), "gc"):
        return True
    if tag == "unix":
        return system in _UNIX
    return bool(re.fullmatch(r"go1(\.\d+)?", tag)) or tag == "cgo"
