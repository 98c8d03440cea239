"""One file's facts to the edges that leave it.

The result depends on the file's own facts and on the keys that were read, and
on nothing else: not on the order of files, nor on what was linked before.
"""

from array import array
from collections.abc import Collection
from functools import lru_cache
from typing import Final
from zlib import crc32

from msgspec import Struct

from openhands_tiered_router.graph.expressions import PATH, UNKNOWN
from openhands_tiered_router.graph.languages import language_of
from openhands_tiered_router.graph.model import (
    CERTAIN,
    MACRO,
    Call,
    Edge,
    EdgeKind,
    FileFacts,
    Import,
    TypeUse,
    path_of,
)
from openhands_tiered_router.graph.resolve.callees import EXACT, Callees
from openhands_tiered_router.graph.resolve.index import Index, Key
from openhands_tiered_router.graph.resolve.modules import PACKAGE
from openhands_tiered_router.graph.resolve.names import Names
from openhands_tiered_router.graph.texts import ITEMS, NATIVE, WRAPPED, bare


ONE_OF_TWINS: Final = CERTAIN
"""Surely one of the overloads of a name, but which is open: an edge to each, which
questions follow, as a change of any of them may reach the caller."""
ONLY_MEMBER: Final = 0.5
"""A member of something unknown, with a single definition of its name."""
ONE_OF_FEW: Final = 0.6
"""To be shared among the candidates of a member of something unresolved."""

SUMS: Final = 50_000
"""Checksums kept, about 10 MB."""

_COMMON_NAMES: Final = (
    "get set add append extend items keys values pop update join split strip format"
    " replace read write close open run start stop send copy sort index count insert"
    " remove clear next len str print map filter forEach push then catch toString"
    " equals hashCode size isEmpty contains put toArray Error String unwrap clone"
    " iter collect into from default fmt new init main test"
)
COMMON: Final = frozenset(_COMMON_NAMES.split())
"""Names of members that say nothing about whose they are."""

_IMPORTS: Final = int(EdgeKind.IMPORTS)
_CALLS: Final = int(EdgeKind.CALLS)
_REFERENCES: Final = int(EdgeKind.REFERENCES)
_INHERITS: Final = int(EdgeKind.INHERITS)
_TESTS: Final = int(EdgeKind.TESTS)


class Linked(Struct, frozen=True, array_like=True, gc=False):
    """A file's edges, and what has to change for them to change."""

    edges: tuple[Edge, ...]
    groups: tuple[str, ...]
    """Groups of the keys that were read, sorted."""
    keys: bytes
    """Sorted 32-bit checksums of the keys, as an array of unsigned ints."""


class Linker:
    """Links files one after another, keeping answers that they share."""

    def __init__(self, index: Index) -> None:
        self._names = Names(index)
        self._sums = _Sums()

    def forget(self, changed: Collection[Key] | None = None) -> None:
        """Drop kept answers; to be called after the index has changed.

        Args:
            changed: The keys that answer differently; None for any.
        """
        self._names.forget(changed)

    def link(self, facts: FileFacts) -> Linked:
        """Return a file's edges."""
        self._names.start()
        edges = _File(self._names, facts).edges()
        reads = [key for key in self._names.reads if key[0] != facts.path]
        if len(self._sums) > SUMS:
            self._sums.clear()
        sums = sorted({self._sums[key] for key in reads})
        groups = tuple(sorted({group for group, _ in reads}))
        return Linked(edges, groups, array("I", sums).tobytes())


class _Sums(dict[Key, int]):
    """Checksums of keys, by key."""

    def __missing__(self, key: Key) -> int:
        found = self[key] = key_sum(key)
        return found


def key_sum(key: Key) -> int:
    """Return a key's checksum; a collision costs one needless relink."""
    return crc32("\0".join(key).encode("utf-8", "replace"))


@lru_cache(maxsize=65_536)
def is_test_path(path: str) -> bool:
    """Whether a path is that of a file of tests, by its language's custom."""
    language = language_of(path)
    return language is not None and language.test_path.search(path) is not None


def _untyped(argument: str) -> str:
    """Return an argument without its type: what is left tells only how many."""
    label, colon, _ = argument.partition(":")
    return argument if argument == "*" else f"{label}:" if colon else ""


class _File(Callees):
    """The file at hand, and the edges found so far."""

    def __init__(self, names: Names, facts: FileFacts) -> None:
        super().__init__(names, facts)
        self.found: dict[tuple[str, str], tuple[int, float]] = {}

    def edges(self) -> tuple[Edge, ...]:
        """Resolve everything, and return the edges in a fixed order."""
        for entry in self.facts.imports:
            self._link_import(entry)
        for use in self.facts.types:
            self._link_type(use)
        for call in self.facts.calls:
            self._link_call(call)
        self._link_implementations()
        return tuple(
            Edge(source, target, self._kinds(target, kinds), confidence)
            for (source, target), (kinds, confidence) in sorted(self.found.items())
        )

    def _kinds(self, target: str, kinds: int) -> int:
        """Add `TESTS` where a test touches what is not a test."""
        if not self.facts.is_test or target.startswith(f"{self.path}::"):
            return kinds
        return kinds if is_test_path(path_of(target)) else kinds | _TESTS

    def _add(self, scope: int, target: str, kind: int, confidence: float) -> None:
        source = self.ids[scope] if scope >= 0 else self.path
        if target == source or target.startswith((PACKAGE, WRAPPED, NATIVE, ITEMS)):
            return
        known = self.found.get((source, target))
        if known is not None:
            kind, confidence = kind | known[0], max(known[1], confidence)
        self.found[source, target] = kind, confidence

    # -- imports and types

    def _link_import(self, entry: Import) -> None:
        module = self.module(entry)
        place = self.names.find_module(self.path, module) if module else None
        if place and place != self.path:
            self._add(-1, place, _IMPORTS, EXACT)
        if entry.name in ("", "*"):
            return
        found = self.names.imported(self.path, module, entry.name)
        if found is None or found[0] == self.path:
            return
        target, symbol = found
        if symbol is None:
            self._add(-1, target, _IMPORTS, EXACT)
        elif symbol.kind == "v":
            self._add(-1, target, _REFERENCES, EXACT)
        else:
            self._add(entry.scope, f"{target}::{symbol.text}", _REFERENCES, EXACT)

    def _link_type(self, use: TypeUse) -> None:
        kind = _INHERITS if use.is_base else _REFERENCES
        for target in self.types(use.scope, use.text):
            self._add(use.scope, target, kind, EXACT)
            if use.is_base:
                break

    # -- calls

    def _link_call(self, call: Call) -> None:
        scope, name, before = call.scope, call.name, call.receiver
        if name.endswith(MACRO):
            self._link_macro(scope, name)
        elif before == PATH:
            target, confidence = self.callee(scope, name, variables=False)
            if target is not None:
                self._add_call(call, target, confidence)
        elif before == UNKNOWN:
            self._guess_member(scope, name, ONLY_MEMBER)
        elif before:
            parts = before.split(".")
            target = self.chain(scope, parts, name)
            sure = EXACT
            if target is None and self.traits:
                target, known = self.extension(name)
                # what is unknown may have such a method itself
                sure = EXACT if known else ONE_OF_TWINS
            if target is not None:
                self._add_call(call, target, sure)
            elif not self._is_foreign(scope, bare(parts[0])):
                self._guess_member(scope, name, ONE_OF_FEW)
        else:
            target, confidence = self.callee(scope, name)
            if target is not None:
                self._add_call(call, target, confidence)

    def _link_macro(self, scope: int, name: str) -> None:
        """Add the edge to Rust's macro that a call means.

        In sight are those of the scopes around, of the file, of the modules above it
        and those that it imports; any other one, such as that of a module of tests,
        is not, and a name like ``assert_eq`` then is the standard library's.
        """
        at, target = scope, None
        while at >= 0 and target is None:
            index = self.inner.get((at, name))
            target = self.ids[index] if index is not None else None
            at = self.parents[at]
        target = target or self.names.macro(self.path, name)
        if target is not None:
            self._add(scope, target, _CALLS, EXACT)

    def _add_call(self, call: Call, target: str, confidence: float) -> None:
        """Add an edge to the overload that is called, or to each that may be."""
        meant = (target,)
        if call.arguments is not None and "::" in target:
            count = tuple(map(_untyped, call.arguments))
            meant = self.names.overloads(target, count, typed=False) or meant
            if len(meant) > 1:
                types = tuple(self.kinds_of(call.scope, a) for a in call.arguments)
                meant = self.names.overloads(target, types)
        if len(meant) > 1:
            confidence = min(confidence, ONE_OF_TWINS)
        for node in meant:
            self._add(call.scope, node, _CALLS, confidence)

    def _link_implementations(self) -> None:
        """Lead from TypeScript's overload signatures to what implements them."""
        declared: dict[tuple[int, str], list[int]] = {}
        for index, definition in enumerate(self.facts.definitions):
            key = (definition.parent, definition.name)
            if not definition.has_body:
                declared.setdefault(key, []).append(index)
            elif definition.parameters is not None:
                for signature in declared.pop(key, ()):
                    self._add(signature, self.ids[index], _REFERENCES, EXACT)

    def _guess_member(self, scope: int, name: str, confidence: float) -> None:
        if name in COMMON:
            return
        nodes = self.named(name)
        if confidence == ONLY_MEMBER and len(nodes) != 1:
            return
        for node in nodes:
            self._add(scope, node, _CALLS, confidence / len(nodes))

    def _is_foreign(self, scope: int, head: str) -> bool:
        """Whether a name is imported from outside of the workspace."""
        if head == "super":
            return True
        entry = None
        while scope >= 0 and entry is None:
            entry = self.imports.get((scope, head))
            scope = self.parents[scope]
        if entry is not None:
            return (
                self.names.imported(self.path, self.module(entry), entry.name) is None
            )
        symbol = self.names.read(self.path, head)
        if symbol is None or symbol.kind != "i":
            return False
        return self.names.binding(self.path, head) is None
