"""The graph as a SCIP index: definitions and the places that refer to them.

The graph keeps lines only, so that files are read again for the columns; a file that
changed meanwhile has the columns of its new text. The index is Protocol Buffers, of
which these messages need two kinds of fields:
https://protobuf.dev/programming-guides/encoding/ . Numbers of fields and the syntax of
symbols: https://github.com/sourcegraph/scip/blob/main/scip.proto
"""

import re
from collections.abc import Iterator
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from openhands_tiered_router.graph.grammar import GrammarMissingError, captures
from openhands_tiered_router.graph.languages import language_of
from openhands_tiered_router.graph.model import (
    CERTAIN,
    EdgeKind,
    FileFacts,
    NodeKind,
)
from openhands_tiered_router.graph.snapshot import CodeGraph


if TYPE_CHECKING:
    from tree_sitter import Node

PACKAGE: Final = "openhands-tiered-router"
UTF8: Final = 1
"""Of texts and of columns, which are bytes from the start of the line."""
DEFINITION: Final = 1
"""Bit of ``symbol_roles``."""
_KINDS: Final = {NodeKind.CLASS: 7, NodeKind.FUNCTION: 17, NodeKind.MODULE: 29}
_SUFFIXES: Final = {NodeKind.CLASS: "#", NodeKind.MODULE: "/"}
_LANGUAGES: Final = {
    "c_sharp": "CSharp",
    "cpp": "CPP",
    "javascript": "JavaScript",
    "objc": "Objective_C",
    "php": "PHP",
    "tsx": "TypeScriptReact",
    "typescript": "TypeScript",
}
_SIMPLE: Final = re.compile(r"[\w+$-]+\Z", re.ASCII)
_WORD: Final = re.compile(rb"[^\W\d]\w*")
_QUALIFIER: Final = re.compile(rb"\b(\w+)(?:::|\.)\Z")
_USES: Final = ("c", "cm", "t", "x", "vt", "rt")
"""Captures in which names of other definitions stand: calls and types."""

type Place = tuple[int, int, int]
"""Line, first column and the one behind the last; 0-based."""


class Left(Struct):
    """What an index lacks."""

    ambiguous: int = 0
    """Uses of a name that leads from one function to several definitions."""
    unread: int = 0
    """Files that are gone, or whose grammar is not installed."""


def index(graph: CodeGraph, left: Left) -> Iterator[bytes]:
    """Yield a SCIP index, one field a time.

    Occurrences are the names of definitions, and the calls and types that the graph
    is sure of (confidence .9 and more).

    Args:
        graph: The workspace's graph, of any size.
        left: Counts what is left out.
    """
    tool = _field(1, PACKAGE) + _field(2, version(PACKAGE))
    root = _field(3, graph.root.as_uri())
    yield _field(1, _field(2, tool) + root + _field(4, UTF8))
    symbols: dict[str, dict[str, str]] = {}
    for path in sorted(graph.files):
        facts = graph.facts(path)
        if facts is not None:
            yield _field(2, _Document(graph, facts, symbols, left).encoded())


class _Document:
    """One file, as it is written into an index."""

    def __init__(
        self,
        graph: CodeGraph,
        facts: FileFacts,
        symbols: dict[str, dict[str, str]],
        left: Left,
    ) -> None:
        self.graph = graph
        self.facts = facts
        self.symbols = symbols
        self.left = left

    def encoded(self) -> bytes:
        """Return the message ``Document``."""
        name = self.facts.language
        language = _LANGUAGES.get(name, name.capitalize())
        parts = [_field(1, self.facts.path), _field(4, language), _field(6, UTF8)]
        own = self._symbols(self.facts.path)
        for definition in self.facts.definitions:
            known = own[definition.qualname]
            about = _field(1, known) + _field(5, _KINDS[definition.kind])
            if definition.docstring:
                about += _field(3, definition.docstring)
            parts.append(_field(3, about + _field(6, definition.name)))
        try:
            source = (self.graph.root / self.facts.path).read_bytes()
            occurrences = sorted(self._occurrences(source))
        except (OSError, GrammarMissingError):
            self.left.unread += 1
            occurrences = []
        for place, symbol, role in occurrences:
            at = b"".join(map(_varint, place))
            found = _field(1, at) + _field(2, symbol)
            parts.append(_field(2, found + (_field(3, role) if role else b"")))
        return b"".join(parts)

    def _symbols(self, path: str) -> dict[str, str]:
        """Return the symbols of a file's definitions, by qualified name."""
        if path not in self.symbols:
            facts = self.graph.facts(path)
            self.symbols[path] = symbols_of(facts) if facts else {}
        return self.symbols[path]

    def _occurrences(self, source: bytes) -> Iterator[tuple[Place, str, int]]:
        language = language_of(self.facts.path)
        if language is None:
            return
        found = captures(language, source)[1]
        own = self._symbols(self.facts.path)
        taken: set[Place] = set()
        for place, qualname in self._definitions(source, found.get("n", ())):
            taken.add(place)
            yield place, own[qualname], DEFINITION
        meant = self._meant()
        for capture in _USES:
            for node in found.get(capture, ()):
                for place, name in _words(source, node):
                    before = _QUALIFIER.search(
                        source, max(0, node.start_byte - 80), node.start_byte
                    )
                    owner = before[1].decode() if before else ""
                    symbol = self._used(meant, place[0] + 1, name, owner)
                    if symbol and place not in taken:
                        taken.add(place)
                        yield place, symbol, 0

    def _definitions(
        self, source: bytes, names: "list[Node] | tuple[()]"
    ) -> Iterator[tuple[Place, str]]:
        """Find the names of definitions: both come in the order of the file."""
        places: dict[str, list[Place]] = {}
        for node in sorted(names, key=lambda node: node.start_byte):
            for place, name in _words(source, node):
                places.setdefault(name, []).append(place)
        for definition in self.facts.definitions:
            for place in places.get(definition.name, ()):
                if definition.start_line <= place[0] + 1 <= definition.end_line:
                    places[definition.name].remove(place)
                    yield place, definition.qualname
                    break

    def _meant(self) -> dict[tuple[int, str], dict[str, str]]:
        """Return what names lead to from each definition, by its index.

        Each is a symbol, and the name of the type that it is of.
        """
        scopes = {self.facts.node_id(-1): -1}
        for number in range(len(self.facts.definitions)):
            scopes[self.facts.node_id(number)] = number
        kinds = EdgeKind.CALLS | EdgeKind.REFERENCES | EdgeKind.INHERITS
        meant: dict[tuple[int, str], dict[str, str]] = {}
        for edge in self.graph.edges_from(self.facts.path):
            path, _, qualname = edge.target.partition("::")
            known = self._symbols(path).get(qualname)
            if known and edge.kinds & kinds and edge.confidence >= CERTAIN:
                around, _, name = qualname.partition("#")[0].rpartition(".")
                found = meant.setdefault((scopes[edge.source], name), {})
                found[known] = around.rpartition(".")[2]
        return meant

    def _used(
        self,
        meant: dict[tuple[int, str], dict[str, str]],
        line: int,
        name: str,
        owner: str,
    ) -> str | None:
        """Return the symbol that a name means in the innermost scope that uses it.

        Of several it is the one of the type that is named before it.
        """
        scope = -1
        for number, definition in enumerate(self.facts.definitions):
            if definition.start_line <= line <= definition.end_line:
                scope = number
        while True:
            found = meant.get((scope, name))
            if found is not None:
                fit = [symbol for symbol in found if found[symbol] == owner]
                if len(found) > 1 and len(fit) == 1:
                    return fit[0]
                self.left.ambiguous += len(found) > 1
                return next(iter(found)) if len(found) == 1 else None
            if scope < 0:
                return None
            scope = self.facts.definitions[scope].parent


def symbols_of(facts: FileFacts) -> dict[str, str]:
    """Return a file's definitions as SCIP symbols, by qualified name."""
    start = f"{PACKAGE} . . . {_escaped(facts.path)}/"
    found: dict[str, str] = {}
    for definition in facts.definitions:
        base, _, number = definition.qualname.partition("#")
        *around, name = base.split(".")
        owner = facts.definitions[definition.parent] if definition.parent >= 0 else None
        before = found.get(owner.qualname, start) if owner else start
        if owner is None:  # a Go method's type may be in another file
            before += "".join(f"{_escaped(part)}#" for part in around)
        which = f"+{number}" if number else ""
        suffix = _SUFFIXES.get(definition.kind)
        if suffix:  # those have no number of their own
            end = _escaped(name + which) + suffix
        else:
            end = f"{_escaped(name)}({which})."
        found[definition.qualname] = before + end
    return found


def _escaped(name: str) -> str:
    return name if _SIMPLE.match(name) else f"`{name.replace('`', '``')}`"


def _words(source: bytes, node: "Node") -> Iterator[tuple[Place, str]]:
    """Yield the names in a node's text that lie in its first line."""
    line, column = node.start_point
    text = source[node.start_byte : node.end_byte].partition(b"\n")[0]
    for match in _WORD.finditer(text):
        place = (line, column + match.start(), column + match.end())
        yield place, match[0].decode("utf-8", "replace")


def _field(number: int, value: int | str | bytes) -> bytes:
    """Encode one field: a number, or a text or message with its length before it."""
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    data = value.encode("utf-8", "replace") if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    """Encode a number that is not negative, seven bits a byte, the lowest first."""
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)
