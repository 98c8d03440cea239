"""One file's bytes to its facts: one parse, one query, one sweep.

The query's captures are sorted by position and read once from the top; a stack
holds the definitions that are open, the innermost of which is the scope of
whatever comes next.
"""
# ruff: noqa: ARG002 -- the handlers of all captures share one signature

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

from openhands_tiered_router.graph.arguments import arguments_of
from openhands_tiered_router.graph.drafts import TEXT_LIMIT, Draft, Finisher
from openhands_tiered_router.graph.expressions import (
    PATH,
    UNKNOWN,
    follows,
    passed,
    receiver,
    text_of,
)
from openhands_tiered_router.graph.grammar import captures
from openhands_tiered_router.graph.languages import Language
from openhands_tiered_router.graph.model import (
    MACRO,
    Call,
    Definition,
    FileFacts,
    Import,
    NodeKind,
    TypeUse,
    Variable,
)


if TYPE_CHECKING:
    from tree_sitter import Node

ANONYMOUS_DEPTH: Final = 4
"""Nodes between a definition and the function that it names: ``x = memo(() =>``"""
TYPE_LIMIT: Final = 400
"""Characters kept of a type expression."""

_FILE: Final = -1
_UNSAFE: Final = re.compile(r"[\s:#]+")
_HANDLERS: Final = {
    "d.m": "_module",
    "d.c": "_class",
    "d.f": "_function",
    "n": "_name",
    "doc": "_docstring",
    "rt": "_return_type",
    "re": "_returned",
    "i": "_import",
    "x": "_base",
    "t": "_type",
    "u": "_unknown",
    "v": "_variable",
    "vp": "_pattern",
    "vt": "_variable_type",
    "ve": "_variable_value",
    "vi": "_iterated",
    "vc": "_unpacked",
    "wt": "_type_first",
    "we": "_value_first",
    "wc": "_context",
    "wv": "_variable_last",
    "bd": "_bindings",
    "c": "_call",
    "cm": "_macro",
    "q": "_anonymous",
    "nb": "_no_decision",
    "b": "_decision",
}
"""What reads each capture, in the order of captures that begin and end together."""
_ANONYMOUS: Final = frozenset({"arrow_function", "function_expression", "func_literal"})
_HEAD: Final = re.compile(r"[a-z_]\w*")
_PLACED: Final = re.compile(r"(\w+)@(\d+)")


def _numbered(name: str, number: int) -> str:
    """Return a name that tells a later binding from the first one."""
    return f"{name}${number}" if number else name


def digest(source: bytes) -> bytes:
    """Return the key under which a file's facts are cached."""
    return blake2b(source, digest_size=16).digest()


def unparsed(path: str, source: bytes, language: str = "") -> FileFacts:
    """Return the facts of a file whose content is not looked into."""
    return FileFacts(
        path=path,
        language=language,
        digest=digest(source),
        size=len(source),
        lines=source.count(b"\n") + 1,
        is_test=False,
        complexity=1,
        has_errors=False,
    )


def extract(path: str, source: bytes, language: Language) -> FileFacts:
    """Read the facts of one file.

    Invalid UTF-8 becomes U+FFFD in names; a syntax error costs the definitions
    that the parser could not recover.

    Raises:
        GrammarMissingError: The language's grammar is not installed.
    """
    root, found = captures(language, source)
    sweep = _Sweep(source, language, bool(language.test_path.search(path)))
    sweep.run(found)
    sweep.finish()
    return FileFacts(
        path=path,
        language=language.name,
        digest=digest(source),
        size=len(source),
        lines=source.count(b"\n") + 1,
        is_test=sweep.is_test,
        complexity=1 + sum(sweep.decisions) + sweep.outside,
        has_errors=root.has_error,
        definitions=sweep.definitions(),
        imports=tuple(sweep.imports),
        calls=tuple(sweep.calls.values()),
        types=tuple(sweep.types.values()),
        variables=tuple(sweep.variables),
        constraint=language.constraint(path, source) if language.constraint else "",
    )


@dataclass(slots=True)
class _Sweep:
    source: bytes
    language: Language
    is_test: bool
    drafts: list[Draft] = field(default_factory=list)
    decisions: list[int] = field(default_factory=list)
    outside: int = 0
    """Decision points outside of every definition."""
    imports: list[Import] = field(default_factory=list)
    calls: dict[tuple[object, ...], Call] = field(default_factory=dict)
    types: dict[tuple[int, str, bool], TypeUse] = field(default_factory=dict)
    variables: list[Variable] = field(default_factory=list)
    stack: list[tuple[int, int]] = field(default_factory=lambda: [(1 << 62, _FILE)])
    unnamed: list[int] = field(default_factory=list)
    anonymous: dict[int, int] = field(default_factory=dict)
    """Where the last anonymous function of a scope ends, as a byte."""
    variable: str = ""
    pattern: "list[Node]" = field(default_factory=list)
    value: tuple[str, bool] | None = None
    spans: dict[tuple[int, str], list[tuple[int, int]]] = field(default_factory=dict)
    """From and to which byte each binding of a name in a scope holds."""
    bound: list[tuple[int, str, str, bool]] = field(default_factory=list)
    """Scope, name, text and kind of what `bindings` found."""

    def run(self, found: "dict[str, list[Node]]") -> None:
        """Read all captures, in the order of their positions in the file."""
        events: dict[tuple[int, int, int], Node] = {}
        for rank, name in enumerate(_HANDLERS):
            for node in found.get(name, ()):
                events[node.start_byte, -node.end_byte, rank] = node
        handlers: list[Callable[[int, int, int, Node], None]]
        handlers = [getattr(self, name) for name in _HANDLERS.values()]
        stack = self.stack
        for event in sorted(events):
            start, end, rank = event
            while stack[-1][0] <= start:
                stack.pop()
            handlers[rank](stack[-1][1], start, -end, events[event])

    def _text(self, start: int, end: int) -> str:
        return self.source[start:end].decode("utf-8", "replace")

    def _module(self, scope: int, start: int, end: int, node: "Node") -> None:
        self._open(scope, end, node, NodeKind.MODULE)

    def _class(self, scope: int, start: int, end: int, node: "Node") -> None:
        self._open(scope, end, node, NodeKind.CLASS)

    def _function(self, scope: int, start: int, end: int, node: "Node") -> None:
        self._open(scope, end, node, NodeKind.FUNCTION)

    def _open(self, scope: int, end: int, node: "Node", kind: NodeKind) -> None:
        if scope >= 0 and self.drafts[scope].node == node:
            return
        index = len(self.drafts)
        self.drafts.append(Draft(node, kind, scope))
        self.decisions.append(0)
        self.stack.append((end, index))
        self.unnamed.append(index)

    def _name(self, scope: int, start: int, end: int, node: "Node") -> None:
        if self.unnamed:
            name = self._text(start, end)
            self.drafts[self.unnamed.pop()].name = _UNSAFE.sub("_", name)

    def _docstring(self, scope: int, start: int, end: int, node: "Node") -> None:
        if scope >= 0 and not self.drafts[scope].docstring:
            lines = self._text(start, min(end, start + 1_000)).strip().splitlines()
            self.drafts[scope].docstring = lines[0][:TEXT_LIMIT] if lines else ""

    def _return_type(self, scope: int, start: int, end: int, node: "Node") -> None:
        if scope >= 0:
            self.drafts[scope].returns = self._text(start, min(end, start + TYPE_LIMIT))

    def _returned(self, scope: int, start: int, end: int, node: "Node") -> None:
        if scope >= 0 and not self.drafts[scope].returns:
            text = text_of(self.source, node)
            if text not in (UNKNOWN, "None", "true", "false", "null"):
                self.drafts[scope].returns = f"={text}"

    def _import(self, scope: int, start: int, end: int, node: "Node") -> None:
        text = self._text(start, end)
        exported = text.startswith(("export", "pub"))
        line = node.start_point[0] + 1
        for module, name, alias in self.language.imports(text):
            self.imports.append(Import(scope, module, name, alias, line, exported))

    def _base(self, scope: int, start: int, end: int, node: "Node") -> None:
        self._use(scope, self._text(start, min(end, start + TYPE_LIMIT)), True)

    def _type(self, scope: int, start: int, end: int, node: "Node") -> None:
        self._use(scope, self._text(start, min(end, start + TYPE_LIMIT)), False)

    def _use(self, scope: int, text: str, is_base: bool) -> None:
        self.types.setdefault((scope, text, is_base), TypeUse(scope, text, is_base))

    def _unknown(self, scope: int, start: int, end: int, node: "Node") -> None:
        first = node.named_child(0) if node.child_count else node
        if first is not None:
            name = self._text(first.start_byte, first.end_byte)
            self._bind(scope, name, UNKNOWN, True)

    def _variable(self, scope: int, start: int, end: int, node: "Node") -> None:
        self.variable = self._text(start, end)

    def _variable_type(self, scope: int, start: int, end: int, node: "Node") -> None:
        text = self._text(start, min(end, start + TYPE_LIMIT))
        self._bind(scope, self.variable, text, False)
        self.variable = ""

    def _variable_value(self, scope: int, start: int, end: int, node: "Node") -> None:
        self._assign(scope, node, "")

    def _iterated(self, scope: int, start: int, end: int, node: "Node") -> None:
        self._assign(scope, node, "[]")

    def _pattern(self, scope: int, start: int, end: int, node: "Node") -> None:
        self.pattern = node.named_children

    def _unpacked(self, scope: int, start: int, end: int, node: "Node") -> None:
        for index, name in enumerate(self.pattern):
            self.variable = self._text(name.start_byte, name.end_byte)
            self._assign(scope, node, f"[{index}]")

    def _assign(self, scope: int, node: "Node", suffix: str) -> None:
        text = text_of(self.source, node)
        if text != UNKNOWN:
            self._bind(scope, self.variable, text + suffix, True)
        self.variable = ""

    def _type_first(self, scope: int, start: int, end: int, node: "Node") -> None:
        self.value = self._text(start, min(end, start + TYPE_LIMIT)), False

    def _value_first(self, scope: int, start: int, end: int, node: "Node") -> None:
        self.value = text_of(self.source, node), True

    def _context(self, scope: int, start: int, end: int, node: "Node") -> None:
        self.value = f"{text_of(self.source, node)}.__enter__()", True

    def _variable_last(self, scope: int, start: int, end: int, node: "Node") -> None:
        if self.value and not self.value[0].startswith(UNKNOWN):
            self._bind(scope, self._text(start, end), *self.value)
        self.value = None

    def _bind(self, scope: int, name: str, text: str, is_value: bool) -> None:
        if name and len(name) <= TEXT_LIMIT:
            self.variables.append(Variable(scope, name, text, is_value))

    def _bindings(self, scope: int, start: int, end: int, node: "Node") -> None:
        """Take in what patterns bind, each name for a part of the function only."""
        read = self.language.bindings
        for name, text, is_value, first, last in (
            read(self.source, node) if read else ()
        ):
            if last >= 0:
                spans = self.spans.setdefault((scope, name), [])
                spans.append((first, last))
                name = _numbered(name, len(spans) - 1)
            self.bound.append((scope, name, text, is_value))

    def finish(self) -> None:
        """Enter what patterns bind, now that it is known which name means which."""
        for scope, name, text, is_value in self.bound:
            text = self._with_places(scope, text) if is_value else text
            self._bind(scope, name, text[:TYPE_LIMIT], is_value)

    def _with_places(self, scope: int, text: str) -> str:
        """Return an expression with its local names as they are bound."""
        if "@" not in text:
            return text
        return _PLACED.sub(lambda at: self._at(scope, at[1], int(at[2])), text)

    def _at(self, scope: int, name: str, at: int) -> str:
        """Return a name as its binding at a place is called."""
        number = self._holding(scope, name, at)
        return _numbered(name, number) if number else name

    def _holding(self, scope: int, name: str, at: int) -> int | None:
        """Return which binding of a name holds at a place, None if none does."""
        while scope >= 0:
            spans = self.spans.get((scope, name), ())
            held = [n for n, (first, last) in enumerate(spans) if first <= at < last]
            if held:
                return max(held, key=lambda n: spans[n])
            if spans or self.drafts[scope].kind != NodeKind.FUNCTION:
                break
            scope = self.drafts[scope].parent
        return None

    def _macro(self, scope: int, start: int, end: int, node: "Node") -> None:
        name = self._text(start, end) + MACRO
        led = follows(self.source, start)
        before = receiver(self.source, start, node, node.parent) if led else ""
        line = node.start_point[0] + 1
        self.calls.setdefault((scope, name, before), Call(scope, name, before, line))

    def _as_bound(self, scope: int, before: str, start: int) -> str:
        """Return a receiver with its head as that is bound, or marked as a path."""
        head = _HEAD.match(before)
        is_path = self.source[start - 1] == ord(":") and self.language.name == "rust"
        if before == "self" and is_path:
            return PATH
        if head is None or head[0] in ("self", "super", "crate"):
            return before
        if head.end() == len(before) and is_path:
            return PATH + before
        return self._at(scope, head[0], start) + before[head.end() :]

    def _call(self, scope: int, start: int, end: int, node: "Node") -> None:
        name = self._text(start, end)
        if name in self.language.ignored_calls:
            return
        led, overloads = follows(self.source, start), self.language.overloads
        # finding it takes a way down from the root of the tree
        parent = node.parent if led or overloads else None
        before = receiver(self.source, start, node, parent) if led else ""
        if before and (self.spans or self.language.name == "rust"):
            before = passed(self.source, parent) or self._as_bound(scope, before, start)
            before = self._with_places(scope, before)
        elif self.spans and not before and (scope, name) in self.spans:
            # in `let parse = parse(text);` the function is called
            before = PATH if self._holding(scope, name, start) is None else ""
        arguments = arguments_of(self.source, node, parent) if overloads else None
        key = (scope, name, before, arguments)
        if key not in self.calls:
            line = node.start_point[0] + 1
            self.calls[key] = Call(scope, name, before, line, arguments)

    def _anonymous(self, scope: int, start: int, end: int, node: "Node") -> None:
        """A function without a name has a complexity of its own."""
        outer = node.parent
        for _ in range(ANONYMOUS_DEPTH):
            if outer is None or outer.type in _ANONYMOUS:
                break
            if scope >= 0 and outer == self.drafts[scope].node:
                return
            outer = outer.parent
        self.anonymous[scope] = max(self.anonymous.get(scope, 0), end)

    def _no_decision(self, scope: int, start: int, end: int, node: "Node") -> None:
        self._count(scope, start, -1)

    def _decision(self, scope: int, start: int, end: int, node: "Node") -> None:
        self._count(scope, start, 1)

    def _count(self, scope: int, start: int, step: int) -> None:
        if scope < 0 or start < self.anonymous.get(scope, 0):
            self.outside += step
        else:
            self.decisions[scope] += step

    def definitions(self) -> tuple[Definition, ...]:
        """Finish the drafts."""
        finisher = Finisher(self.source, self.language, self.is_test)
        return finisher.finished(self.drafts, self.decisions)
