"""What a code graph is made of: facts, nodes, edges, and what was read of a file.

Records are frozen `msgspec` structs: they behave like frozen dataclasses, cost
a tenth to make and are written to the cache and read back by field position.
Bump `FORMAT` whenever a field changes its place or meaning.

A *file node* is named by its POSIX path below the workspace (``src/app.py``), a
*definition node* by that path, two colons and its qualified name
(``src/app.py::App.run``). The second definition of one qualified name in a file
gets ``#1``, the third ``#2``. Qualified names hold dots, never colons.
"""

from collections.abc import Iterable
from enum import IntFlag, StrEnum
from typing import Final

from msgspec import Struct


MACRO: Final = "!"
"""Behind the name of a macro, which functions do not share names with."""
DEFINES_MACRO: Final = "macro_rules!"
"""In place of the result of a macro's definition."""
TRAIT: Final = "trait"
"""In place of the result of Rust's traits: what is in sight may add methods to any
type."""
FORMAT: Final = 3
"""Version of these records; a cache of another version is rebuilt."""

CERTAIN: Final = 0.9
"""Edges at or above this confidence are what analytics should use.

Edges below are guesses by name; docs/graph-build.md has the precision of both.
"""


class NodeKind(StrEnum):
    """What a node stands for."""

    FILE = "file"
    CLASS = "class"
    """A class, struct, interface, trait, enum or named type."""
    FUNCTION = "function"
    """A function, method, constructor or macro."""
    MODULE = "module"
    """A namespace inside a file: a C++ namespace, a Rust `mod` or `impl`."""


class EdgeKind(IntFlag):
    """How one node depends on another; an edge carries a set of these."""

    CONTAINS = 1
    IMPORTS = 2
    CALLS = 4
    REFERENCES = 8
    INHERITS = 16
    TESTS = 32
    """From a test to what it calls, references or imports outside of tests."""


class Definition(Struct, frozen=True, array_like=True, gc=False):
    """One class, function or namespace in a file."""

    name: str
    qualname: str
    """Dotted path inside the file, with ``#n`` when it is not the first."""
    kind: NodeKind
    parent: int
    """Index of the enclosing definition in the file, or -1."""
    start_line: int
    """1-based, inclusive."""
    end_line: int
    complexity: int
    """Cyclomatic: 1 + the decision points not inside a nested definition."""
    signature: str
    """The header's text in one line, at most 240 characters."""
    docstring: str
    """First line of the docstring or doc comment, at most 240 characters."""
    is_test: bool
    returns: str = ""
    """Text of the declared return type, for the resolver."""
    parameters: tuple[str, ...] | None = None
    """As `arguments.parameters_of` writes them, in a language with overloads."""
    has_body: bool = True
    """False for a signature that is only declared (TypeScript)."""


class Import(Struct, frozen=True, array_like=True, gc=False):
    """One name (or none) bound by an import of another module."""

    scope: int
    """Index of the enclosing definition, or -1 for the file."""
    module: str
    """As written: ``a.b``, ``..a``, ``./a``, ``github.com/x/y``, ``crate::a``."""
    name: str
    """Imported member, ``*`` for all of them, or "" for the module itself."""
    alias: str
    """Local name that it binds, or "" when it binds none."""
    line: int
    exported: bool = False
    """Whether the local name is visible to importers of this file."""


class Call(Struct, frozen=True, array_like=True, gc=False):
    """A callee in a scope; equal calls in one scope are kept once."""

    scope: int
    name: str
    receiver: str
    """What precedes the name: "" for a bare name, ``a.b()`` for a chain,
    ``?`` for an expression that has no name."""
    line: int
    arguments: tuple[str, ...] | None = None
    """As `arguments.arguments_of` writes them, in a language with overloads."""


class TypeUse(Struct, frozen=True, array_like=True, gc=False):
    """A type named in a scope: a base class, an annotation."""

    scope: int
    text: str
    is_base: bool


class Variable(Struct, frozen=True, array_like=True, gc=False):
    """A variable or attribute with a known type or maker."""

    scope: int
    name: str
    """``x``, or ``self.x`` for an attribute set inside a method."""
    type: str
    """A type's text, or the text of the expression it is assigned from."""
    is_value: bool
    """Whether `type` is an expression whose value it takes, not a type."""


class FileFacts(Struct, frozen=True, array_like=True, gc=False):
    """All that is ever read from one file: a pure function of its bytes.

    No source text is kept but names, signatures, first docstring lines and the
    type expressions that resolution needs.
    """

    path: str
    language: str
    """Name of the language, or "" for a file that is not parsed."""
    digest: bytes
    """BLAKE2b-128 of the content."""
    size: int
    """Bytes."""
    lines: int
    is_test: bool
    complexity: int
    """1 + all decision points in the file, nested ones included."""
    has_errors: bool
    """Whether the parser had to skip over a syntax error."""
    definitions: tuple[Definition, ...] = ()
    imports: tuple[Import, ...] = ()
    calls: tuple[Call, ...] = ()
    types: tuple[TypeUse, ...] = ()
    variables: tuple[Variable, ...] = ()
    constraint: str = ""
    """What its build is restricted to (Go), as `constraints` writes it."""

    def node_id(self, index: int) -> str:
        """Return the id of definition `index`, or of the file for -1."""
        if index < 0:
            return self.path
        return f"{self.path}::{self.definitions[index].qualname}"


class Edge(Struct, frozen=True, array_like=True, gc=False):
    """A directed dependency between two nodes (ids)."""

    source: str
    target: str
    kinds: int
    """A set of `EdgeKind` bits; a plain int, as flag arithmetic is slow."""
    confidence: float
    """In (0, 1]: how sure the resolver is; see `CERTAIN`."""


class FileEdge(Struct, frozen=True, array_like=True, gc=False):
    """All edges from one file's nodes into another file's, as one."""

    target: str
    """Path of the other file."""
    kinds: int
    """Union of their `EdgeKind` bits."""
    confidence: float
    """Highest confidence among them."""
    weight: float
    """Sum of the confidences of the edges with at least `CERTAIN`, else 0."""


class FileNode(Struct, frozen=True, array_like=True, gc=False):
    """What is kept in memory about each file, however large the workspace."""

    path: str
    language: str
    size: int
    lines: int
    complexity: int
    """Of the whole file: 1 + all its decision points."""
    max_complexity: int
    """Of its most complex definition; 1 when it has none."""
    definitions: int
    is_test: bool
    constraint: str = ""
    """As in `FileFacts`: where it is not met, a twin of the file is built instead."""


class FileRecord(Struct, frozen=True, array_like=True, gc=False):
    """A file's facts, and the edges that leave its nodes."""

    facts: FileFacts
    edges: tuple[Edge, ...] = ()
    """Without the `CONTAINS` edges, which follow from the definitions."""


def path_of(node: str) -> str:
    """Return the path of the file that a node is in."""
    return node.partition("::")[0]


def file_node(facts: FileFacts) -> FileNode:
    """Sum up a file's facts."""
    definitions = facts.definitions
    return FileNode(
        path=facts.path,
        language=facts.language,
        size=facts.size,
        lines=facts.lines,
        complexity=facts.complexity,
        max_complexity=max((d.complexity for d in definitions), default=1),
        definitions=len(definitions),
        is_test=facts.is_test,
        constraint=facts.constraint,
    )


def contains_edges(facts: FileFacts) -> Iterable[Edge]:
    """Yield the edges from a file, class or namespace to what it contains."""
    for index, definition in enumerate(facts.definitions):
        parent = facts.node_id(definition.parent)
        yield Edge(parent, facts.node_id(index), EdgeKind.CONTAINS, 1.0)


def file_edges(path: str, edges: Iterable[Edge]) -> tuple[FileEdge, ...]:
    """Add up the edges of one file's nodes by the file that they lead to."""
    sums: dict[str, tuple[int, float, float]] = {}
    for edge in edges:
        target = path_of(edge.target)
        if target == path:
            continue
        kinds, best, weight = sums.get(target, (0, 0.0, 0.0))
        sure = edge.confidence if edge.confidence >= CERTAIN else 0.0
        sums[target] = (
            kinds | edge.kinds,
            max(best, edge.confidence),
            weight + sure,
        )
    return tuple(FileEdge(target, *sums[target]) for target in sorted(sums))
