"""Where a name is bound: through imports, re-exports, packages and stars."""

from typing import Final

from openhands_tiered_router.graph.constraints import built_here
from openhands_tiered_router.graph.languages import Language, language_named
from openhands_tiered_router.graph.resolve.index import directory_of
from openhands_tiered_router.graph.resolve.interface import IMPL, Interface, Symbol
from openhands_tiered_router.graph.resolve.modules import PACKAGE, Modules
from openhands_tiered_router.graph.resolve.tabled import tabled


_HERE: Final = ("", "self")
"""Modules of an import that mean the file itself."""


class Bindings(Modules):
    """Follows names from file to file; see `Tabled` for how answers are kept."""

    def member(self, node: str, name: str) -> str | None:
        """Return the method or nested type of a class; in `Names`."""
        raise NotImplementedError

    def walk(self, path: str, parts: list[str]) -> str | None:
        """Resolve a path from the top of a file; in `Names`."""
        raise NotImplementedError

    def read(self, path: str, name: str) -> Symbol | None:
        """Return what a file itself binds a name to, and note the question."""
        self.reads.add((path, name))
        return self.index.symbol(path, name)

    def outline(self, path: str) -> Interface:
        """Return a file's outline, and note the question."""
        self.reads.add((path, "*"))
        return self.index.outline(path)

    @tabled
    def binding(self, place: str, name: str) -> tuple[str, Symbol | None] | None:
        """Follow a name through imports and re-exports to where it is bound.

        Returns:
            (path, symbol) of the definition or variable, (place, None) of the
            module that it names, or None.
        """
        if place.startswith(PACKAGE):
            home = self._in_package(place[len(PACKAGE) :], name)
            return self.binding(home, name) if home else None
        symbol = self.read(place, name)
        if symbol is None:
            return self._unbound(place, name)
        if symbol.name == IMPL and symbol.kind == "m":
            # the type may come from a `use a::*` of Rust
            return self._unbound(place, name) or (place, symbol)
        if symbol.kind != "i":
            return place, symbol
        return self.imported(place, symbol.text, symbol.name)

    def imported(
        self, path: str, module: str, name: str
    ) -> tuple[str, Symbol | None] | None:
        """Return what ``from module import name`` in `path` binds."""
        if module in _HERE and name:
            return self.binding(path, name)
        target = self.find_module(path, module)
        if not name:
            return (target, None) if target else None
        found = self.binding(target, name) if target else None
        if found is None:
            below = self.find_module(path, self._join(path, module, name))
            found = (below, None) if below and below != target else None
            found = self._nested(below, name) or found if below else found
        if found is None and (target is None or self._is_jvm(path)):
            found = self._member_of_type(path, module, name)
        return found

    def _is_jvm(self, path: str) -> bool:
        """Whether a file is named for the type in it, which has static members."""
        return language_named(self.outline(path).language).family == "jvm"

    def _join(self, path: str, module: str, name: str) -> str:
        language = self.outline(path).language
        if language == "rust":
            return f"{module}::{name}"
        return f"{module}{name}" if module.endswith(".") else f"{module}.{name}"

    def _nested(self, place: str, name: str) -> tuple[str, Symbol | None] | None:
        """A file named for the one type in it (Java) stands for that type."""
        return self.binding(place, name) if self._is_jvm(place) else None

    def _member_of_type(
        self, path: str, module: str, name: str
    ) -> tuple[str, Symbol | None] | None:
        """``import static a.b.C.m`` and ``use a::Enum::Variant``."""
        separator = "::" if "::" in module else "."
        head, _, kind = module.rpartition(separator)
        if not head or "/" in module or self.outline(path).language == "python":
            return None
        owner = self.imported(path, head, kind)
        if owner is not None and owner[1] is None:  # a module by another name
            return self.binding(owner[0], name)
        if owner is None or owner[1] is None or owner[1].kind not in "cm":
            return None
        node = self.member(f"{owner[0]}::{owner[1].text}", name)
        return self._symbol_of(node) if node else None

    def _symbol_of(self, node: str) -> tuple[str, Symbol | None] | None:
        path, _, qualname = node.partition("::")
        symbol = self.read(path, qualname.partition("#")[0])
        return (path, symbol) if symbol else None

    def _unbound(self, place: str, name: str) -> tuple[str, Symbol | None] | None:
        """Look where a name can come from unnamed: package, then stars."""
        language = language_named(self.outline(place).language)
        if language.package_scope:
            like = self.outline(place).constraint
            home = self._in_package(directory_of(place), name, like)
            if home and home != place:
                return self.binding(home, name)
        several: list[tuple[str, Symbol | None]] = []
        for source in self.star_sources(place) or ():
            symbol = self.read(source, name)
            if symbol is not None and source != place:
                found = self.binding(source, name)
                # what a file only imports may come from here
                if language.name != "rust" and (found or symbol.kind != "i"):
                    return found
                several += [found] if found and found not in several else []
        if language.name == "rust":
            # two would be an error, if a `cfg` did not leave out all but one
            one = several[0] if len(several) == 1 else None
            return one if several else self._in_starred_module(place, name)
        return self._star_member(place, name, language)

    def _in_starred_module(
        self, place: str, name: str
    ) -> tuple[str, Symbol | None] | None:
        """Look into the modules inside of files that ``use a::b::*`` names."""
        for module in self.outline(place).stars:
            node = self.walk(place, module.split("::"))
            found = self.member(node, name) if node and "::" in node else None
            if found is not None:
                return self._symbol_of(found)
        return None

    def _star_member(
        self, place: str, name: str, language: Language
    ) -> tuple[str, Symbol | None] | None:
        """``import a.b.*`` of the JVM binds each class file of that package."""
        if language.family != "jvm":
            return None
        for module in self.outline(place).stars:
            found = self.find_module(place, f"{module}.{name}")
            if found:
                return self.binding(found, name)
        return None

    def _in_package(self, directory: str, name: str, like: str = "") -> str | None:
        """Return the file of a directory that defines a name, or just has it.

        What a file imports is its own. Of several, it is the one with the
        constraint `like`, or else the first that this host builds.
        """
        self.reads.add((f"dir:{directory}", name))
        homes = self.index.in_package(directory, name)
        defining: list[str] = []
        having: list[str] = []
        for home in homes:
            symbol = self.read(home, name)
            if symbol is not None and symbol.kind in "fcm":
                defining.append(home)
            elif symbol is None or symbol.kind != "i":
                having.append(home)
        if len(defining) > 1:
            defining.sort(key=lambda home: self._fit(home, like))
        return next(iter(defining or having), None)

    def _fit(self, home: str, like: str) -> int:
        constraint = self.outline(home).constraint
        if like and constraint == like:
            return 0
        return 1 if built_here(constraint) else 2

    @tabled
    def star_sources(self, place: str) -> tuple[str, ...]:
        """Return the files whose names a file sees by ``import *``, nearest first.

        Chains are followed for Python and JavaScript, where they are how
        packages re-export; elsewhere they would lead everywhere.
        """
        found: dict[str, None] = {}
        waiting = [place]
        while waiting:
            source = waiting.pop(0)
            outline = self.outline(source)
            for module in outline.stars:
                target = self.find_module(source, module)
                if target and target not in found and not target.startswith(PACKAGE):
                    found[target] = None
                    if language_named(outline.language).family in ("python", "js"):
                        waiting.append(target)
        return tuple(found)
