"""The file or package that an import names, by each language's own rules."""
# ruff: noqa: ARG002 -- the finders of all languages share one signature

import re
import sys
from collections.abc import Callable, Iterable
from posixpath import join
from typing import Final

from openhands_tiered_router.graph.resolve.index import (
    directory_of,
    family_of,
    module_key,
)
from openhands_tiered_router.graph.resolve.layout import PathMapping, inside
from openhands_tiered_router.graph.resolve.tabled import Tabled, tabled


PACKAGE: Final = "dir:"
"""Prefix of a place that is a whole directory (a Go package)."""

_STANDARD_ROOTS: Final = frozenset({"", "src", "lib", "Lib"})
"""Source roots in which a file may have a standard library module's name."""
_SCRIPT_SUFFIX: Final = re.compile(r"\.(?:[cm]?[jt]sx?|json|css|scss|svg|png)\Z")
_SEPARATOR: Final = re.compile(r"::|[./\\:]+")


class Modules(Tabled):
    """Finds the place that a module's name stands for, seen from a directory."""

    def find_module(self, path: str, module: str) -> str | None:
        """Return the file (or ``dir:…``) that an import in `path` leads to."""
        language = self.index.outline(path).language
        if language in ("rust",):
            return self._find(path, language, module)
        return self._find(directory_of(path), language, module)

    @tabled
    def _find(self, start: str, language: str, module: str) -> str | None:
        return _FINDERS.get(family_of(language), Modules._by_path)(
            self, start, language, module
        )

    def _candidates(self, suffix: str, language: str) -> list[str]:
        """Return the files of the same family whose module path ends so."""
        if not suffix:
            return []
        self.reads.add((f"module:{suffix}", ""))
        family = family_of(language)
        return [
            path
            for path in self.index.modules(suffix)
            if family_of(self.index.outline(path).language) == family
        ]

    def _exact(self, key: str, language: str) -> str | None:
        """Return the file with exactly this module path."""
        found = [p for p in self._candidates(key, language) if module_key(p) == key]
        return min(found, key=_preference) if found else None

    def _python(self, start: str, language: str, module: str) -> str | None:
        name = module.lstrip(".")
        tail = name.replace(".", "/")
        dots = len(module) - len(name)
        if dots:
            parts = start.split("/") if start else []
            if dots - 1 > len(parts):
                return None
            base = "/".join(parts[: len(parts) - dots + 1])
            key = f"{base}/{tail}".strip("/")
            return self._exact(key, language) if key else self._root_package(language)
        standard = name.partition(".")[0] in sys.stdlib_module_names
        candidates = self._candidates(tail, language)
        found = [p for p in candidates if self._importable(p, tail, standard)]
        if not found and not standard:
            found = [p for p in candidates if _holds(_above(p, tail), start)]
        return nearest(start, found)

    def _root_package(self, language: str) -> str | None:
        return next(
            (p for p in self._candidates("__init__", language) if "/" not in p), None
        )

    def _importable(self, path: str, tail: str, standard: bool) -> bool:
        """Whether the directory above `tail` can be on ``sys.path``.

        One that is itself a package should not, but a package run as a script
        is, so that its own files can import that way.
        """
        root = _above(path, tail)
        if standard:
            return root in _STANDARD_ROOTS
        if not root:
            return True
        package = self._exact(root, "python")
        return package is None or not package.endswith(
            ("/__init__.py", "/__init__.pyi")
        )

    def _javascript(self, start: str, language: str, module: str) -> str | None:
        if module.startswith("."):
            return self._script(inside(join(start, module)), language)
        for mapping in self.index.layout.mappings:
            if _holds(mapping.scope, start):
                for target in _mapped(mapping, module):
                    found = self._script(target, language)
                    if found:
                        return found
        for name, folder in self.index.layout.packages:
            if module == name or module.startswith(f"{name}/"):
                return self._npm(folder, module[len(name) :].strip("/"), language)
        if module.startswith(("@/", "~/", "#/")):
            tail = _SCRIPT_SUFFIX.sub("", module[2:])
            return nearest(start, self._candidates(tail, language))
        return None

    def _npm(self, folder: str, tail: str, language: str) -> str | None:
        for base in ("src", "", "lib"):
            found = self._script(inside(join(folder, base, tail)), language)
            if found:
                return found
        return None

    def _script(self, target: str | None, language: str) -> str | None:
        if target is None:
            return None
        stem = _SCRIPT_SUFFIX.sub("", target)
        return self._exact(target, language) or self._exact(stem, language)

    def _go(self, start: str, language: str, module: str) -> str | None:
        for name, folder in self.index.layout.go_modules:
            tail = module if name == "std" else module[len(name) :].strip("/")
            if name == "std" or module == name or module.startswith(f"{name}/"):
                directory = f"{folder}/{tail}".strip("/")
                if self._has_files(directory):
                    return PACKAGE + directory
        if not self.index.layout.go_modules and self._has_files(module):
            return PACKAGE + module
        return None

    def _has_files(self, directory: str) -> bool:
        self.reads.add((f"dir:{directory}", ""))
        return bool(self.index.in_package(directory, ""))

    def _rust(self, start: str, language: str, module: str) -> str | None:
        head, _, rest = module.partition("::")
        if head == "crate":
            return self._below(self._crate_root(start, language), rest, language)
        if head in ("self", "super"):
            base = _rust_directory(start)
            while head == "super":
                base = directory_of(base)
                head, _, rest = rest.partition("::")
            tail = rest if head == "self" else f"{head}::{rest}".strip(":")
            return self._below(base, tail, language)
        for name, folder in self.index.layout.crates:
            if name == head:
                return self._crate(folder, rest, language)
        return self._below(_rust_directory(start), module, language)

    def _crate_root(self, path: str, language: str) -> str:
        """Return the directory of the nearest lib.rs or main.rs above a file."""
        folder = directory_of(path)
        while folder:
            for name in ("lib", "main"):
                if self._exact(f"{folder}/{name}", language):
                    return folder
            folder = directory_of(folder)
        return folder

    def _crate(self, folder: str, tail: str, language: str) -> str | None:
        source = f"{folder}/src".strip("/")
        if tail:
            return self._below(source, tail, language)
        return self._exact(f"{source}/lib", language) or self._exact(
            f"{source}/main", language
        )

    def _below(self, base: str, tail: str, language: str) -> str | None:
        key = "/".join(part for part in (base, *tail.split("::")) if part)
        found = self._exact(key, language) if key else None
        if found or tail:
            return found
        return self._exact(f"{key}/lib", language) or self._exact(
            f"{key}/main", language
        )

    def _jvm(self, start: str, language: str, module: str) -> str | None:
        return nearest(start, self._candidates(module.replace(".", "/"), language))

    def _by_path(self, start: str, language: str, module: str) -> str | None:
        """Includes and the like: relative to the file, then by a common ending."""
        stem = re.sub(r"\.\w{1,4}\Z", "", module)
        beside = inside(join(start, stem))
        exact = self._candidates(beside, language) if beside else []
        exact = [path for path in exact if module_key(path) == beside]
        named = [path for path in exact if path.endswith(module)]
        if exact:
            return nearest(start, named or exact)
        parts = [part for part in _SEPARATOR.split(stem) if part]
        while parts:
            found = self._candidates("/".join(parts), language)
            named = [path for path in found if path.endswith(module)]
            if found and (len(parts) > 1 or named or len(found) == 1):
                return nearest(start, named or found)
            parts = parts[1:]
        return None


_FINDERS: Final[dict[str, Callable[[Modules, str, str, str], str | None]]] = {
    "python": Modules._python,
    "js": Modules._javascript,
    "go": Modules._go,
    "rust": Modules._rust,
    "jvm": Modules._jvm,
}


def nearest(start: str, paths: Iterable[str]) -> str | None:
    """Return the path with the longest directory in common with `start`."""
    here = start.split("/")

    def distance(path: str) -> tuple[int, int, tuple[int, str]]:
        common = 0
        parts = path.split("/")
        for mine, other in zip(here, parts, strict=False):
            if mine != other:
                break
            common += 1
        return -common, len(parts), _preference(path)

    return min(paths, key=distance, default=None)


def _preference(path: str) -> tuple[int, str]:
    """Order files of one module path: sources before stubs and declarations."""
    return path.endswith((".pyi", ".d.ts", ".d.mts")), path


def _holds(folder: str, path: str) -> bool:
    return not folder or path == folder or path.startswith(f"{folder}/")


def _above(path: str, tail: str) -> str:
    """Return the directory under which a file is the module ``tail``."""
    return module_key(path)[: -len(tail)].rstrip("/")


def _mapped(mapping: PathMapping, module: str) -> Iterable[str]:
    """Yield where a tsconfig's ``paths`` may lead, as workspace paths."""
    for pattern, targets in mapping.paths:
        head, star, tail = pattern.partition("*")
        if star:
            fits = module.startswith(head) and module.endswith(tail)
            middle = module[len(head) : len(module) - len(tail)] if fits else ""
        else:
            fits, middle = module == pattern, ""
        for target in targets if fits else ():
            path = inside(join(mapping.base, target.replace("*", middle)))
            if path is not None:
                yield path


def _rust_directory(path: str) -> str:
    """Return the directory that holds a file's child modules."""
    stem = path.removesuffix(".rs")
    head, _, last = stem.rpartition("/")
    return head if last in ("mod", "lib", "main") else stem
