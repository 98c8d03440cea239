"""The types of a workspace: what they inherit, and the members that they have."""

from typing import Final

from openhands_tiered_router.graph.arguments import Texts
from openhands_tiered_router.graph.languages import language_named
from openhands_tiered_router.graph.model import path_of
from openhands_tiered_router.graph.resolve.index import directory_of
from openhands_tiered_router.graph.resolve.interface import Symbol
from openhands_tiered_router.graph.resolve.overloads import Twin, applicable, chosen
from openhands_tiered_router.graph.resolve.rust import RustNames
from openhands_tiered_router.graph.resolve.tabled import tabled
from openhands_tiered_router.graph.texts import (
    ITEMS,
    JOINT,
    NATIVE,
    TOKEN,
    WRAPPED,
    steps,
)


_APART: Final = (WRAPPED, NATIVE, ITEMS)


class Members(RustNames):
    """Finds members, for `Names`; a type may have them from several files."""

    def node_of(self, found: tuple[str, Symbol | None]) -> str | None:
        """Return the node of what a name is bound to; in `Names`."""
        raise NotImplementedError

    def is_type(self, node: str) -> bool:
        """Whether a node has members of its own: a class or a namespace."""
        path, _, qualname = node.partition(JOINT)[0].partition("::")
        symbol = self.read(path, qualname.partition("#")[0]) if qualname else None
        return symbol is not None and symbol.kind in "cm"

    @tabled
    def bases(self, node: str) -> tuple[str, ...]:
        """Return the classes that a class is declared to extend."""
        path, _, qualname = node.partition("::")
        symbol = self.read(path, qualname.partition("#")[0])
        outer = qualname.rpartition(".")[0]
        found = [
            self._base(path, text, outer) for text in (symbol.bases if symbol else ())
        ]
        if self.outline(path).language == "rust":
            found += [self._base(*base) for base in self.bases_elsewhere(node)]
        if symbol is not None and symbol.kind == "c" and symbol.name:
            found.append(self.aliased(node))
        return tuple(b for b in found if b and b != node and not b.startswith(_APART))

    def _base(self, path: str, text: str, outer: str = "") -> str | None:
        token = TOKEN.search(text)
        if token and outer and self.outline(path).language == "rust":
            found = self.in_modules(path, outer, token[0])
            if found is not None:
                return found
        node = None
        if token and outer and self._is_jvm(path):
            node = self.nested(f"{path}::{outer}", token[0])
        if token and node is None:
            node = self.walk(path, steps(token[0]))
        return node if node and self.is_type(node) else None

    @tabled
    def lineage(self, node: str) -> tuple[str, ...]:
        """Return a class and all it inherits from, breadth first.

        On the JVM, the classes come before the interfaces: they are depth first, as
        what a class extends is declared before what it implements.
        """
        deep = self._is_jvm(path_of(node))
        found: dict[str, None] = {}
        waiting = node.split(JOINT)
        if self.outline(path_of(node)).language == "rust":
            # what a type has itself comes before what traits give its other name
            waiting = [found for owner in waiting for found in self._names_of(owner)]
        while waiting:
            owner = waiting.pop(0)
            if owner not in found:
                found[owner] = None
                bases = self.bases(owner) or ()
                waiting = [*bases, *waiting] if deep else [*waiting, *bases]
        return tuple(found)

    def _names_of(self, node: str) -> tuple[str, ...]:
        meant = self.aliased(node)
        return (node,) if meant == node or meant.startswith(_APART) else (meant, node)

    @tabled
    def member(self, node: str, name: str) -> str | None:
        """Return the method or nested type of a class, inherited ones included."""
        for owner in self.lineage(node) or (node,):
            symbol = self._own(owner, name)
            if symbol is not None and symbol[1].kind in "fcm":
                return f"{symbol[0]}::{symbol[1].text}"
            if symbol is not None and symbol[1].kind == "i":
                found = self.imported(symbol[0], symbol[1].text, symbol[1].name)
                return self.node_of(found) if found else None
        return None

    def overloads(
        self, node: str, arguments: Texts, *, typed: bool = True
    ) -> tuple[str, ...]:
        """Return the functions of a node's name that take such arguments.

        Those of the type itself come before what it inherits. None, if nothing is
        known of any parameters, or if they do not fit what is known.

        Args:
            node: One of them.
            arguments: As `chosen` takes them.
            typed: False to go by their number alone.
        """
        path, _, qualname = node.partition("::")
        homes = self._alike(path, qualname.partition("#")[0])
        if not homes:
            return ()
        strict = self._is_jvm(path)
        best = -1
        meant: list[str] = []
        overridden: set[Texts | None] = set()
        for home, twins in homes:
            if meant and not strict:
                break  # elsewhere than on the JVM, a name hides those inherited
            if typed:
                worth, names = chosen(twins, arguments, strict=strict)
                if names and worth > best:
                    best, meant = worth, [f"{home}::{name}" for name in names]
                continue
            taking = applicable(twins, arguments)
            meant += [
                f"{home}::{n}" for n, listed in taking if listed not in overridden
            ]
            overridden.update(listed for _, listed in taking)
        if meant:
            return tuple(meant)
        # which of them is called is open, as the rest of the language is
        return tuple(f"{path}::{name}" for name, _ in homes[0][1])

    @tabled
    def _alike(self, path: str, key: str) -> tuple[tuple[str, tuple[Twin, ...]], ...]:
        """Return the functions of one name of a type, and of what it inherits."""
        symbol = self.read(path, key)
        if symbol is None or not symbol.twins:
            return ()
        owner, dot, name = key.rpartition(".")
        lineage = self.lineage(f"{path}::{owner}") if dot else ()
        homes = [(path, symbol.twins)]
        for base in (lineage or ())[1:]:
            inherited = self._own(base, name)
            homes += [(path_of(base), inherited[1].twins)] if inherited else []
        return tuple(homes)

    def own(self, owner: str, name: str) -> str | None:
        """Return a type's member, inherited ones left out."""
        found = self._own(owner, name)
        return f"{found[0]}::{found[1].text}" if found else None

    def _own(self, owner: str, name: str) -> tuple[str, Symbol] | None:
        """Return a class's own member; a Go type's may be in another file."""
        path, _, qualname = owner.partition("::")
        key = f"{qualname.partition('#')[0]}.{name}"
        symbol = self.read(path, key)
        if symbol is not None:
            return path, symbol
        language = language_named(self.outline(path).language)
        if language.name == "rust":
            return self.added_elsewhere(owner, name)
        if not language.receiver_types or not language.package_scope:
            return None
        home = self._in_package(directory_of(path), key)
        symbol = self.read(home, key) if home else None
        return (home, symbol) if home and symbol else None

    def nested(self, node: str, name: str) -> str | None:
        """Return a type that a class, or one around it, has or inherits."""
        path, _, owner = node.partition("::")
        while owner:
            found = self.member(f"{path}::{owner}", name)
            if found is not None and self.is_type(found):
                return found
            owner = owner.rpartition(".")[0]
        return None

    def in_modules(self, path: str, owner: str, name: str) -> str | None:
        """Return a type that a Rust name means in one of the modules of a file."""
        while owner:
            symbol = self.read(path, owner)
            if symbol is not None and symbol.kind == "m":
                found = self.member(f"{path}::{owner}", name)
                if found is not None and self.is_type(found):
                    return found
            owner = owner.rpartition(".")[0]
        return None
