"""What Rust's patterns, closures and parameters bind to names, and where.

A match arm binds its names for itself alone, so that one function may use ``x`` for
values of many types. Each binding therefore says from which byte to which it holds;
`extract` gives the later ones of a name a number of their own.
"""

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

from openhands_tiered_router.graph.expressions import (
    HELD,
    PATH,
    TAKEN,
    UNKNOWN,
    placed,
)
from openhands_tiered_router.graph.languages.bound import FOR_GOOD, Bound
from openhands_tiered_router.graph.languages.rust_given import NOTHING, Given


if TYPE_CHECKING:
    from tree_sitter import Node

_HOLDERS: Final = frozenset({"Some", "Ok", "Ready"})
_POINTING: Final = frozenset({"Cow::Owned", "Cow::Borrowed", "Owned", "Borrowed"})
_MAKERS: Final = re.compile(
    r"(?:(?:Box|Rc|Arc|Cell|RefCell|Mutex|RwLock|ManuallyDrop|Pin|Wrapping)::new"
    r"|Box::pin|(?:Rc|Arc)::clone|ManuallyDrop::into_inner|Cow::(?:Owned|Borrowed)"
    r"|mem::(?:take|replace)|NonNull::from)\Z"
)
"""Functions that give what they are given, or what points to it."""
_GIVING: Final = (
    "map map_or map_or_else and_then is_some_and is_ok_and is_none_or filter filter_map"
    " for_each flat_map any all find find_map position rposition take_while skip_while"
    " map_while inspect retain retain_mut partition max_by_key min_by_key sort_by_key"
    " sort_unstable_by_key sort_by sort_unstable_by max_by min_by binary_search_by"
    " binary_search_by_key partition_point dedup_by_key try_for_each then_with"
    " get_or_insert_with update with dedup_by reduce chunk_by is_sorted_by"
)
_ELEMENT: Final = frozenset(_GIVING.split())
"""Methods that call a closure with what their receiver holds."""
_FOLDS: Final = frozenset({"fold", "try_fold", "scan", "rfold"})
"""Methods whose closure gets that second."""
_WRAPPING: Final = frozenset(
    {"mut_pattern", "ref_pattern", "reference_pattern", "match_pattern"}
)
_LEAVING: Final = frozenset(
    {"return_expression", "break_expression", "continue_expression"}
)
_BLOCKS: Final = ("block", "unsafe_block", "else_clause")
_INNERMOST: Final = (*_BLOCKS, "reference_expression", "parenthesized_expression")
"""Expressions whose last part is what they give."""
DEPTH: Final = 8
"""Nested patterns or branches that are looked into."""


def bindings(source: bytes, node: "Node") -> Iterator[Bound]:
    """Yield what one construct binds; which they are says the query (``bd``)."""
    return _Reader(source).read(node)


class _Reader:
    def __init__(self, source: bytes) -> None:
        self.source = source

    def read(self, node: "Node") -> Iterator[Bound]:
        reader = getattr(self, f"_{node.type}", None)
        return reader(node) if reader else iter(())

    def text(self, node: "Node | None") -> str:
        if node is None:
            return ""
        return self.source[node.start_byte : node.end_byte].decode("utf-8", "replace")

    # -- constructs

    def _parameter(self, node: "Node") -> Iterator[Bound]:
        around = node.parent.parent if node.parent else None
        pattern = node.child_by_field_name("pattern")
        if pattern is None or around is None:
            return
        given = Given(self.text(node.child_by_field_name("type")), False)
        yield from self.pattern(pattern, given, node.end_byte, around.end_byte)

    def _let_declaration(self, node: "Node") -> Iterator[Bound]:
        around, pattern = node.parent, node.child_by_field_name("pattern")
        if around is None or pattern is None:
            return
        declared = node.child_by_field_name("type")
        if declared is not None and "_" not in self.text(declared):
            given = Given(self.text(declared), False)
        else:
            given = self.value(node.child_by_field_name("value"))
        yield from self.pattern(pattern, given, node.end_byte, around.end_byte)

    def _let_condition(self, node: "Node") -> Iterator[Bound]:
        pattern = node.child_by_field_name("pattern")
        around = node.parent
        while around is not None and "expression" not in around.type:
            around = around.parent
        if pattern is None or around is None:
            return
        kept = around.child_by_field_name("consequence") or around
        given = self.value(node.child_by_field_name("value"))
        yield from self.pattern(pattern, given, node.end_byte, kept.end_byte)

    def _match_expression(self, node: "Node") -> Iterator[Bound]:
        given = self.value(node.child_by_field_name("value"))
        body = node.child_by_field_name("body")
        for arm in body.named_children if body else ():
            pattern = arm.child_by_field_name("pattern")
            if pattern is not None:
                yield from self.pattern(pattern, given, arm.start_byte, arm.end_byte)

    def _for_expression(self, node: "Node") -> Iterator[Bound]:
        pattern = node.child_by_field_name("pattern")
        body = node.child_by_field_name("body")
        if pattern is None or body is None:
            return
        given = self._elements(node.child_by_field_name("value"))
        yield from self.pattern(pattern, given, body.start_byte, body.end_byte)

    def _closure_expression(self, node: "Node") -> Iterator[Bound]:
        listed = node.child_by_field_name("parameters")
        children = listed.named_children if listed else ()
        name, given, callee = self._receiver(node)
        for index, child in enumerate(children):
            if child.type == "parameter":
                continue  # it comes by itself, with its type
            bound = NOTHING if name in _FOLDS and index == 0 else given
            if callee != UNKNOWN and not bound.items:
                declared = f"{callee}{TAKEN}[{index}]"
                text = declared if bound == NOTHING else f"{declared}|{bound.text}"
                bound = Given(text) if bound.is_value else bound
            yield from self.pattern(child, bound, node.start_byte, node.end_byte)

    def _receiver(self, closure: "Node") -> "tuple[str, Given, str]":
        """Return the method that a closure is handed to, and what it is called with.

        The last is the function's text, which may declare what it calls it with.
        """
        listed = closure.parent
        call = listed.parent if listed and listed.type == "arguments" else None
        function = call.child_by_field_name("function") if call else None
        if function is None:
            return "", NOTHING, UNKNOWN
        callee = placed(self.source, function)
        if function.type != "field_expression":
            return "", NOTHING, callee
        name = self.text(function.child_by_field_name("field"))
        if name not in _ELEMENT and name not in _FOLDS:
            return name, NOTHING, callee
        return name, self._elements(function.child_by_field_name("value")), callee

    def _elements(self, node: "Node | None") -> Given:
        """Return what iterating over an expression gives."""
        function = node.child_by_field_name("function") if node else None
        if function is not None and function.type == "field_expression":
            before = function.child_by_field_name("value")
            match self.text(function.child_by_field_name("field")):
                case "enumerate":
                    counter = Given("usize", False)
                    return Given(UNKNOWN, True, (counter, self._elements(before)))
                case "zip":
                    listed = node.child_by_field_name("arguments") if node else None
                    other = listed.named_child(0) if listed else None
                    pair = (self._elements(before), self._elements(other))
                    return Given(UNKNOWN, True, pair)
                case "rev" | "skip" | "take" | "peekable" | "copied" | "cloned":
                    return self._elements(before)
        return self.value(node).inner()

    def _struct_item(self, node: "Node") -> Iterator[Bound]:
        yield from self._fields(node.child_by_field_name("body"), "")

    _union_item = _struct_item

    def _enum_variant(self, node: "Node") -> Iterator[Bound]:
        name = self.text(node.child_by_field_name("name"))
        yield from self._fields(node.child_by_field_name("body"), f"{name}$")

    def _fields(self, body: "Node | None", prefix: str) -> Iterator[Bound]:
        for name, kind in self._listed(body):
            yield Bound(f"{prefix}{name}", kind, False, 0, FOR_GOOD)

    def _listed(self, body: "Node | None") -> Iterator[tuple[str, str]]:
        if body is None:
            return
        if body.type == "ordered_field_declaration_list":
            for index, kind in enumerate(body.children_by_field_name("type")):
                yield str(index), self.text(kind)
            return
        for child in body.named_children:
            if child.type == "field_declaration":
                name = self.text(child.child_by_field_name("name"))
                yield name, self.text(child.child_by_field_name("type"))

    def _type_parameter(self, node: "Node") -> Iterator[Bound]:
        yield from self._bounds(node, "name")

    def _where_predicate(self, node: "Node") -> Iterator[Bound]:
        left = self.text(node.child_by_field_name("left"))
        if self._is_parameter(node, left) or "::" in left:
            yield from self._bounds(node, "left")

    def _is_parameter(self, node: "Node", name: str) -> bool:
        """Whether a name is a type parameter around a node: `Self` is none."""
        around = node.parent
        while around is not None:
            listed = around.child_by_field_name("type_parameters")
            for child in listed.named_children if listed else ():
                if self.text(child.child_by_field_name("name") or child) == name:
                    return True
            around = around.parent
        return False

    def _bounds(self, node: "Node", field: str) -> Iterator[Bound]:
        bounds = node.child_by_field_name("bounds")
        name = node.child_by_field_name(field)
        if bounds is None or name is None:
            return
        listed = (
            b.child_by_field_name("type") if b.type.startswith("higher_ranked") else b
            for b in bounds.named_children  # for<'a> A<'a>
        )
        kinds = [self.text(b) for b in listed if b and "type" in b.type]
        word = self.text(name)
        if "::" in word:  # of `<T as A>::Item`, the last name says what is bound
            word = f"::{word.rpartition('::')[2]}"
        if kinds and word.removeprefix("::").isidentifier():
            yield Bound(f"<{word}>", " + ".join(kinds), False, 0, FOR_GOOD)

    # -- patterns

    def pattern(
        self, node: "Node", given: Given, start: int, end: int, depth: int = DEPTH
    ) -> Iterator[Bound]:
        """Yield what a pattern binds when it is matched against something."""
        for name, found in self._matched(node, given, depth):
            yield Bound(name, found.text, found.is_value, start, end)

    def _matched(
        self, node: "Node", given: Given, depth: int
    ) -> "Iterable[tuple[str, Given]]":
        kind = node.type
        children = node.named_children
        if depth == 0 or not node.is_named:
            return
        if kind == "identifier":
            name = self.text(node)
            if not name[:1].isupper():  # a constant or a variant
                yield name, given
        elif kind in _WRAPPING or kind == "or_pattern":
            inner = [c for c in children if c.type != "mutable_specifier"]
            if inner:
                yield from self._matched(inner[0], given, depth - 1)
        elif kind == "captured_pattern" and len(children) == 2:
            yield self.text(children[0]), given
            yield from self._matched(children[1], given, depth - 1)
        elif kind == "tuple_pattern":
            for index, child in enumerate(_parts(node)):
                yield from self._matched(child, given.item(index), depth - 1)
        elif kind == "slice_pattern":
            for child in children:
                yield from self._matched(child, given.inner(), depth - 1)
        elif kind == "tuple_struct_pattern":
            yield from self._in_tuple_struct(node, given, depth)
        elif kind == "struct_pattern":
            yield from self._in_struct(node, depth)

    def _in_tuple_struct(
        self, node: "Node", given: Given, depth: int
    ) -> "Iterable[tuple[str, Given]]":
        named = node.child_by_field_name("type")
        kind = self.text(named)
        for index, child in enumerate(_parts(node)[1:]):
            if kind.rpartition("::")[2] in _HOLDERS:
                found = given.items[0] if given.items else given.inner()
            elif kind in _POINTING:
                found = given
            elif kind == "Err":
                found = NOTHING
            else:
                found = _member(kind, str(index))
            yield from self._matched(child, found, depth - 1)

    def _in_struct(self, node: "Node", depth: int) -> "Iterable[tuple[str, Given]]":
        kind = self.text(node.child_by_field_name("type"))
        for child in node.named_children[1:]:
            named = child.child_by_field_name("name")
            if child.type != "field_pattern" or named is None:
                continue
            field, inner = self.text(named), child.child_by_field_name("pattern")
            found = _member(kind, field)
            if inner is None:
                yield field, found
            else:
                yield from self._matched(inner, found, depth - 1)

    # -- values

    def value(self, node: "Node | None", depth: int = DEPTH) -> Given:
        """Return an expression as the text that it is resolved by."""
        for child in self._results(node, depth):
            if child.type == "tuple_expression":
                items = tuple(self.value(n, depth - 1) for n in child.named_children)
                return Given(UNKNOWN, True, items)
        found = [text for text in self._values(node, depth) if text != UNKNOWN]
        return Given("|".join(dict.fromkeys(found)) or UNKNOWN)

    def _values(self, node: "Node | None", depth: int) -> Iterator[str]:
        for child in self._results(node, depth):
            if child.type == "array_expression":
                first = child.named_children[0] if child.named_child_count else None
                for text in self._values(first, depth - 1):
                    yield text + HELD
            elif child.type == "call_expression" and self._only_wraps(child):
                listed = child.child_by_field_name("arguments")
                first = listed.named_child(0) if listed else None
                yield from self._values(first, depth - 1)
            else:
                yield placed(self.source, child)

    def _results(self, node: "Node | None", depth: int) -> "Iterator[Node]":
        """Yield the expressions that a ``match``, an ``if`` or a block may give."""
        if node is None or depth == 0 or node.type in _LEAVING:
            return
        kind = node.type
        inner: list[Node | None] = []
        if kind == "match_expression":
            body = node.child_by_field_name("body")
            arms = body.named_children if body else ()
            inner = [arm.child_by_field_name("value") for arm in arms]
        elif kind == "if_expression":
            branches = ("consequence", "alternative")
            inner = [node.child_by_field_name(branch) for branch in branches]
        elif kind in _INNERMOST:
            inner = list(node.named_children[-1:])
        else:
            yield node
        for child in inner:
            yield from self._results(child, depth - 1)

    def _only_wraps(self, call: "Node") -> bool:
        name = self.text(call.child_by_field_name("function"))
        return name in _HOLDERS or bool(_MAKERS.search(name))


def _parts(node: "Node") -> "list[Node]":
    """Return a pattern's parts; ``_`` is one, though it has no name."""
    return [child for child in node.children if child.type not in ("(", ")", ",")]


def _member(kind: str, field: str) -> Given:
    """Return a field of a struct, or of an enum's variant: the text fits both."""
    path = re.sub(r"<.*?>", "", kind).split("::")
    if not path[-1][:1].isupper():
        return NOTHING
    if len(path) == 1:
        return Given(f"{path[0]}.{field}")
    head = PATH + ".".join(path)  # a variable may have the name of the module
    return Given(f"{head}${field}|{head}.{field}")
