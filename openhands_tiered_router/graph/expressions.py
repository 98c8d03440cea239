"""The text that an expression is resolved by: ``a.b().c[]``.

Arguments, whitespace and operators are left out; what has no name is ``?``.
A subscript or an iteration stands for an element: ``x[]``. Alternatives
(``a or b``, ``b if c else a``) are joined by ``|``, in order.
"""

import re
from typing import TYPE_CHECKING, Final


if TYPE_CHECKING:
    from tree_sitter import Node

UNKNOWN: Final = "?"
HELD: Final = "{}"
"""Behind what an object holds: ``a{}`` is Rust's ``Some(a)`` or an iterator of it."""
TAKEN: Final = ">"
"""Behind a function: what it calls a closure with, ``f>[0]`` the first of it (Rust)."""
PATH: Final = ":"
"""Before a Rust path such as ``ast::visit``, whose head is never a variable."""
LONGEST: Final = 160
"""Characters; a longer chain is not worth resolving."""
DEPTH: Final = 40
"""Nested expressions: a link of a chain of calls takes two."""


def _kinds(names: str) -> frozenset[str]:
    """Node types of several grammars, parted by spaces."""
    return frozenset(names.split())


_MEMBER: Final = _kinds(
    "attribute member_expression selector_expression field_expression"
    " scoped_identifier field_access member_access_expression"
    " navigation_expression dot_index_expression qualified_identifier"
    " scoped_type_identifier nested_identifier"
)
CALL_KINDS: Final = _kinds(
    "call call_expression method_invocation invocation_expression"
    " function_call generic_function macro_invocation"
)
_PATHS: Final = _kinds("scoped_identifier scoped_type_identifier")
_MADE: Final = _kinds(
    "new_expression object_creation_expression composite_literal struct_expression"
)
_INNER: Final = _kinds(
    "await await_expression parenthesized_expression non_null_expression"
    " as_expression try_expression unary_expression reference_expression"
    " satisfies_expression pointer_expression"
)
_INDEX: Final = _kinds(
    "subscript subscript_expression index_expression array_access"
    " element_access_expression"
)
_BRACKETED: Final = _kinds("bracketed_type qualified_type generic_type")
_SAME_TYPE: Final = _kinds("+ - * / % & | ^ << >>")
_CHOICE: Final = _kinds("boolean_operator conditional_expression")
_CHAIN: Final = re.compile(rb"[A-Za-z_$@][\w$.]*\Z")
_ROOTED: Final = re.compile(rf"{PATH}|(?:self|super|crate|Self)\b")
_LOCAL: Final = re.compile(r"(?:r#)?([a-z_]\w*)(?=[.\[{]|\Z)")
_MAPPING: Final = {
    **dict.fromkeys(("map", "then"), HELD),
    **dict.fromkeys(
        ["and_then", "filter_map", "flat_map", "map_or", "map_or_else"], ""
    ),
}
"""Methods that give what a closure gives, or an object that holds that."""
_CHECKS: Final = (b"requireNonNull", b"checkNotNull")
"""Functions of Java's libraries that give their first argument."""
_TRAITS: Final = (
    "Display Debug LowerHex UpperHex LowerExp UpperExp Octal Binary Hash Clone"
    " PartialEq PartialOrd Ord Iterator DoubleEndedIterator ExactSizeIterator"
    " IntoIterator AsRef AsMut Borrow BorrowMut Deref DerefMut Into TryInto ToOwned"
    " ToString"
)
_TRAIT: Final = re.compile(rf"(?:.*::)?(?:{_TRAITS.replace(' ', '|')})\Z".encode())
"""Traits of Rust's standard library whose methods are called as functions, too."""
_DEFAULT: Final = re.compile(rb"(?:.*::)?Default\Z")
_BESIDES: Final = re.compile(r"<.*|\[.*|\s+", re.DOTALL)
"""What a type's text holds besides its name."""
_STEP: Final = re.compile(r"\?\.|->|::|\.")


def follows(source: bytes, start: int) -> bool:
    """Whether what begins at byte `start` may belong to what precedes it."""
    return start > 1 and source[start - 1] in b".>:"


def receiver(source: bytes, start: int, node: "Node", parent: "Node | None") -> str:
    """Return what precedes the callee `node` at byte `start`, or ""."""
    if parent is not None and parent.type == "navigation_suffix":
        parent = parent.parent
    first = parent.child(0) if parent else None
    if first is None or first == node:
        return ""
    text = source[first.start_byte : min(first.end_byte, start)]
    if _CHAIN.match(text):
        return text.decode("utf-8", "replace")
    return text_of(source, first)


def passed(source: bytes, path: "Node | None") -> str:
    """Return the receiver of Rust's ``fmt::Display::fmt(a, f)``, else "".

    That of ``Default::default()`` is the type of the field or variable that it is for.
    """
    first = path.named_child(0) if path and path.type == "scoped_identifier" else None
    call = path.parent if path and first else None
    listed = call.child_by_field_name("arguments") if call else None
    if first is None or call is None or listed is None:
        return ""
    trait = source[first.start_byte : first.end_byte]
    if not listed.named_child_count:
        return _wanted(source, call) if _DEFAULT.match(trait) else ""
    if not _TRAIT.match(trait):
        return ""
    text = placed(source, listed.named_children[0])
    return "" if text == UNKNOWN else text


def _wanted(source: bytes, call: "Node") -> str:
    """Return the type that a call has to give: of Rust's ``A { b: c() }``, A's b."""
    around = call.parent
    if around is not None and around.type == "let_declaration":
        kind = around.child_by_field_name("type")
        return PATH + _named(source, kind) if kind else ""
    field = around.child_by_field_name("field") if around else None
    listed = around.parent if around and around.type == "field_initializer" else None
    if field is None or listed is None or listed.parent is None:
        return ""
    return f"{_made(source, listed.parent)}.{_leaf(source, field)}"


def text_of(source: bytes, node: "Node", depth: int = DEPTH) -> str:
    """Return the text by which an expression is resolved."""
    kind = node.type
    if node.child_count == 0:
        return _leaf(source, node)
    if depth == 0:
        return UNKNOWN
    if kind in _MEMBER:
        return _member(source, node, depth)
    if kind in CALL_KINDS:
        return _call(source, node, depth)
    if kind in _MADE or kind == "cast_expression":
        return _made(source, node)
    if kind in _INDEX:
        inner = node.named_child(0)
        return text_of(source, inner, depth - 1) + "[]" if inner else UNKNOWN
    if kind in _INNER:
        # in `&mut a` of Rust, `mut` is a part with a name, too
        mutable = kind == "reference_expression" and node.named_child_count > 1
        inner = node.named_child(1 if mutable else 0)
        text = text_of(source, inner, depth - 1) if inner else UNKNOWN
        # Rust's `?` takes a value out, as a subscript does
        opened = kind == "try_expression" and node.child_count == 2
        return f"{text}[]" if opened and text != UNKNOWN else text
    if kind == "binary_expression" and node.child_count == 3:
        left, operator, _ = node.children  # `a + b` is of the type of `a`
        same = operator.type in _SAME_TYPE
        return text_of(source, left, depth - 1) if same else UNKNOWN
    if kind == "type_cast_expression":  # a as u8
        last = node.named_child(node.named_child_count - 1)
        native = last is not None and last.type == "primitive_type"
        return PATH + _leaf(source, last) if native else UNKNOWN
    if kind in _BRACKETED:  # <A as B>::f, which is A's
        first = node.named_child(0)
        return text_of(source, first, depth - 1) if first else UNKNOWN
    if kind == "expression_list":
        return ",".join(text_of(source, c, depth - 1) for c in node.named_children)
    if kind in _CHOICE:
        parts = [text_of(source, child, depth - 1) for child in _choices(node)]
        return "|".join(part for part in parts if part != UNKNOWN) or UNKNOWN
    return UNKNOWN


def _leaf(source: bytes, node: "Node") -> str:
    text = source[node.start_byte : node.end_byte].decode("utf-8", "replace")
    if text in ("this", "super", "self"):
        return text
    named = node.is_named and len(text) <= LONGEST
    return text if named and (text[:1].isalpha() or text[:1] in "_$@") else UNKNOWN


def _member(source: bytes, node: "Node", depth: int) -> str:
    first, last = node.named_child(0), node.named_child(node.named_child_count - 1)
    if first is None or last is None or first == last:
        this = node.child(0)
        if this is None or last is None:
            return UNKNOWN
        first = this
    head = text_of(source, first, depth - 1)
    if head == UNKNOWN:
        return UNKNOWN
    if node.type in _PATHS:
        if head == "self":  # self::a is no member of a value
            return PATH + _leaf(source, last)
        if node.type == "scoped_identifier" and not _ROOTED.match(head):
            head = PATH + head
    if last.type == "integer_literal":  # a field of a tuple struct
        return f"{head}.{source[last.start_byte : last.end_byte].decode()}"
    return f"{head}.{_leaf(source, last)}"


def _call(source: bytes, node: "Node", depth: int) -> str:
    if node.type == "method_invocation":
        target = node.child_by_field_name("object")
        name = node.child_by_field_name("name")
        if name and source[name.start_byte : name.end_byte] in _CHECKS:
            listed = node.child_by_field_name("arguments")
            first = listed.named_child(0) if listed else None
            return text_of(source, first, depth - 1) if first else UNKNOWN
        head = text_of(source, target, depth - 1) + "." if target else ""
        return f"{head}{_leaf(source, name)}()" if name else UNKNOWN
    function = node.child(0)
    if function is None:
        return UNKNOWN
    if function.type == "field_expression":
        mapped = _mapped(source, node, function, depth)
        if mapped is not None:
            return mapped
    head = text_of(source, function, depth - 1)
    if node.type == "generic_function":
        return head
    return UNKNOWN if head == UNKNOWN else f"{head}()"


def _mapped(source: bytes, node: "Node", function: "Node", depth: int) -> str | None:
    """Return what Rust's ``a.map(|b| c)`` gives: something that holds ``c``."""
    field = function.child_by_field_name("field")
    name = _leaf(source, field) if field else ""
    listed = node.child_by_field_name("arguments")
    if name not in _MAPPING or listed is None:
        return None
    for child in listed.named_children:
        if child.type == "closure_expression":
            body = child.child_by_field_name("body")
            if body is not None and body.type == "block" and body.named_child_count:
                body = body.named_children[-1]
            text = placed(source, body, depth - 1) if body else UNKNOWN
            return UNKNOWN if text == UNKNOWN else text + _MAPPING[name]
    return None


def placed(source: bytes, node: "Node", depth: int = DEPTH) -> str:
    """Return an expression's text; a local name of Rust gets its place."""
    text = text_of(source, node, depth)
    match = _LOCAL.match(text)
    if match is None or match[1] in ("self", "super", "crate"):
        return text
    return f"{match[1]}@{node.start_byte}{text[match.end() :]}"


def _made(source: bytes, node: "Node") -> str:
    """``new A.B<C>(x)``, ``A{x}``, ``(A) x``: an object of the type that is named."""
    made = (
        node.child_by_field_name("constructor")
        or node.child_by_field_name("type")
        or node.child_by_field_name("name")
    )
    text = _named(source, made) if made else ""
    return f"{text}()" if text else UNKNOWN


def _named(source: bytes, kind: "Node") -> str:
    """Return the name of a type, without what it is applied to."""
    text = source[kind.start_byte : kind.end_byte].decode("utf-8", "replace")
    return ".".join(_STEP.split(_BESIDES.sub("", text).lstrip("*&")))


def _choices(node: "Node") -> "list[Node]":
    children = node.named_children
    return children if node.type == "boolean_operator" else [children[0], children[-1]]
