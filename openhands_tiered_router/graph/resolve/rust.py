"""What is particular to Rust: holders of objects, aliases, traits and macros."""

import re
from typing import Final

from openhands_tiered_router.graph.languages import language_named
from openhands_tiered_router.graph.model import MACRO, TRAIT, path_of
from openhands_tiered_router.graph.resolve.bindings import Bindings
from openhands_tiered_router.graph.resolve.tabled import tabled
from openhands_tiered_router.graph.texts import (
    TOKEN,
    WRAPPED,
    type_arguments,
    wrapped,
)


_MODULES: Final = 8
"""Modules above a file whose macros it sees."""
SELF: Final = re.compile(r"\bSelf\b")
_BORROWED: Final = re.compile(
    r"(?:&|\*const\b|\*mut\b|'\w+|mut\b|dyn\b|impl\b|for<[^>]*>|\s|\?Sized|\+)*"
)
_HOLDING: Final = frozenset({"Option", "Result"})
_POINTING: Final = (
    "Box Rc Arc Ref RefMut Cow Pin MutexGuard RwLockReadGuard RwLockWriteGuard"
    " ManuallyDrop LazyLock Lazy NonNull"
)
_POINTERS: Final = frozenset(_POINTING.split())
"""Types that give the members of what they point to."""
_FUNCTIONS: Final = frozenset({"Fn", "FnMut", "FnOnce", "fn", "PhantomData"})


class RustNames(Bindings):
    """The rules of Rust, for `Names`."""

    def walk(self, path: str, parts: list[str]) -> str | None:
        """Resolve a path from the top of a file; in `Names`."""
        raise NotImplementedError

    def type_of(self, path: str, text: str) -> str | None:
        """Return what a type's text names; in `Names`."""
        raise NotImplementedError

    def symbol(self, place: str, name: str) -> str | None:
        """Return the node that a name refers to; in `Names`."""
        raise NotImplementedError

    def is_type(self, node: str) -> bool:
        """Whether a node has members of its own; in `Names`."""
        raise NotImplementedError

    def rust_type(self, path: str, text: str) -> str | None:
        """Return a type of the workspace, or that one holds it."""
        borrowed = _BORROWED.match(text)
        text = text[borrowed.end() :] if borrowed else text
        if text.startswith("["):
            return wrapped(self.type_of(path, text[1:].partition(";")[0].rstrip("]")))
        token = TOKEN.match(text)
        if token is None:
            return None
        parts = re.split(r"::", token[0])
        arguments = type_arguments(text[token.end() :])
        if parts[-1] not in _HOLDING:
            found = self.walk(path, parts)
            if found and self.is_type(found):
                return self.aliased(found)
        if not arguments or parts[-1] in _FUNCTIONS:
            return None
        held = arguments[parts[-1].endswith("Map") and len(arguments) > 1]
        inner = self.type_of(path, held.rpartition("= ")[2])
        return inner if parts[-1] in _POINTERS else wrapped(inner)

    def aliased(self, node: str) -> str:
        """Return what Rust's ``type A = B;`` stands for."""
        path, _, qualname = node.partition("::")
        symbol = self.read(path, qualname)
        text = symbol.name if symbol and symbol.name != TRAIT else ""
        if "Self" in text:
            owner = qualname.rpartition(".")[0].replace(".", "::")
            text = SELF.sub(owner, text)
        return (self.type_of(path, text) if text else None) or node

    def taken_out(self, node: str, name: str) -> str | None:
        """Return what a method of a holder gives: what it holds, or a holder."""
        inner = node[len(WRAPPED) :]
        language = language_named(self.outline(path_of(inner)).language)
        if name in language.opening:
            return inner
        return node if name in language.transparent else None

    @tabled
    def macro(self, path: str, name: str) -> str | None:
        """Return the macro ``name!`` of a file, of a module above it or imported."""
        place: str | None = path
        for _ in range(_MODULES):
            symbol = self.read(place, name) if place else None
            if symbol is not None:
                return f"{place}::{symbol.text}"
            entry = self.read(place, name.removesuffix(MACRO)) if place else None
            if entry is not None and entry.kind == "i":
                exported = self._exported(name)
                return exported[0] if len(exported) == 1 else None
            place = self.find_module(place, "super") if place else None
        return None

    def _exported(self, name: str) -> tuple[str, ...]:
        """Return the macros of a name: exported ones belong to the crate's root."""
        self.reads.add((f"name:{name}", "rust"))
        return self.index.named("rust", name)

    def is_trait(self, node: str) -> bool:
        """Whether a node is a Rust trait."""
        path, _, qualname = node.partition("::")
        symbol = self.read(path, qualname) if qualname else None
        return symbol is not None and (symbol.kind, symbol.name) == ("c", TRAIT)

    def implemented(self, path: str, owner: str) -> str:
        """Return the type of an ``impl`` block, which another file may define."""
        symbol = self.read(path, owner.partition("#")[0])
        if symbol is not None and symbol.kind == "i":
            return self.symbol(path, owner.partition("#")[0]) or f"{path}::{owner}"
        return f"{path}::{owner}"
