"""What tells the overloads of a name apart: parameters, and the arguments of a call.

Parameters are written as the simple names of their types (``""`` where there is
none or it is not simple), with ``?`` behind an optional one and ``*`` behind one
that takes any number. Arguments are written as far as their type can be read off
the call: ``'String'`` a type, ``x`` a variable, ``a.b()`` a call, ``""`` for the
rest, and ``*`` for what is spread into any number. Where calls name parameters by
labels (Swift), both begin with the label and a colon: ``to:String``, ``_:Int``.
"""

import re
from typing import TYPE_CHECKING, Final

from openhands_tiered_router.graph.expressions import CALL_KINDS, LONGEST, text_of


if TYPE_CHECKING:
    from tree_sitter import Node

type Texts = tuple[str, ...]

MOST: Final = 16
"""Parameters or arguments that are looked at."""

_SPREAD: Final = frozenset({"spread_element", "parameter_pack_expansion"})
_LITERALS: Final = {
    "string_literal": "String",
    "line_string_literal": "String",
    "string": "String",
    "template_string": "String",
    "interpolated_string_expression": "String",
    "verbatim_string_literal": "String",
    "decimal_integer_literal": "int",
    "hex_integer_literal": "int",
    "integer_literal": "int",
    "number_literal": "number",
    "number": "number",
    "decimal_floating_point_literal": "double",
    "real_literal": "double",
    "true": "boolean",
    "false": "boolean",
    "boolean_literal": "boolean",
    "character_literal": "char",
    "char_literal": "char",
    "class_literal": "Class",
    "null_literal": "null",
    "null": "null",
    "lambda_expression": "lambda",
    "method_reference": "lambda",
    "instanceof_expression": "boolean",
}
_SUFFIXES: Final = {("int", b"l"): "long", ("double", b"f"): "float"}
_LABELLED: Final = frozenset(
    {"function_declaration", "init_declaration", "protocol_function_declaration"}
)
"""Of Swift; those of other languages have a node for the list of parameters."""
_DECIDING: Final = frozenset(
    ("==", "!=", "<", ">", "<=", ">=", "&&", "||", "!", "===", "!==", "instanceof")
)
_MADE: Final = frozenset({"object_creation_expression", "new_expression"})
_SIMPLE: Final = re.compile(r"(?:[\w$]+(?:\.|::))*([A-Za-z_$][\w$]*)((?:\[\])*)")
_VARIABLE: Final = re.compile(r"[A-Za-z_$][\w$]*\Z")
_FIELD: Final = re.compile(r"[A-Za-z_$][\w$]*(?:\.[A-Za-z_$][\w$]*)+\Z")
_GENERIC: Final = re.compile(r"<.*>", re.DOTALL)
_DIMENSION: Final = re.compile(r"\s*\[\s*\]")
_RECEIVER: Final = re.compile(
    r"(?:async )?def \w+\( ?\w+ ?: ?[\"']?(?:(?:typing\.)?[tT]ype\[)?[\"']?(\w+)"
)
"""The type that a Python method declares its first parameter to have."""
_REFERENCE: Final = re.compile(r"&(?:'\w+ )?(?:mut )?")
_SAME: Final = {"string": "String", "bool": "boolean"}
"""Names of one type in several languages."""


def simple_type(text: str) -> str:
    """Return the simple name of a type, or "" if the text is more than a name."""
    text = _DIMENSION.sub("[]", _GENERIC.sub("", text)).strip().rstrip("?")
    match = _SIMPLE.fullmatch(text)
    return _SAME.get(match[1], match[1]) + match[2] if match else ""


def parameters_of(source: bytes, definition: "Node") -> Texts | None:
    """Return the parameters of a function's node; None if it shows none."""
    listed = _parameters(definition)
    if listed is None and definition.type in _LABELLED:
        return _labelled(source, definition)
    if listed is None:
        return None
    found: list[str] = []
    children = listed.children
    for at, child in enumerate(children):
        text = _parameter(source, child, children[at + 1 :])
        if text is not None:
            found.append(text)
    if any(child.type == "params" for child in children):
        found.append("*")
    return tuple(found[:MOST])


def _labelled(source: bytes, definition: "Node") -> Texts:
    """Return the parameters of a Swift function, each with the label that calls use."""
    found: list[str] = []
    children = definition.children
    for at, child in enumerate(children):
        if child.type == "parameter":
            names = child.named_children
            label = _text(source, names[0]) if names else ""
            text = _parameter(source, child, children[at + 1 :]) or ""
            many = source[child.start_byte : child.end_byte].endswith(b"...")
            found.append(f"{label}:{text.rstrip('?')}*" if many else f"{label}:{text}")
    return tuple(found[:MOST])


def _parameters(node: "Node | None") -> "Node | None":
    """Find the list of parameters: C++ has it below the declarators."""
    while node is not None:
        listed = node.child_by_field_name("parameters")
        if listed is not None:
            return listed
        for child in node.named_children:
            if child.type == "function_value_parameters":
                return child
        node = node.child_by_field_name("value") or _declarator(node)
    return None


def _declarator(node: "Node") -> "Node | None":
    inner = node.child_by_field_name("declarator")
    if inner is None and node.type == "reference_declarator":
        return node.named_child(0)
    return inner


def _parameter(source: bytes, node: "Node", after: "list[Node]") -> str | None:
    kind = node.type
    if kind == "..." or kind.startswith(("spread", "variadic", "rest_")):
        return f"{simple_type(_text(source, _typed(node)))}*"
    if kind in ("identifier", "assignment_pattern"):  # JavaScript
        return "?" if kind == "assignment_pattern" else ""
    if not kind.endswith("parameter") and not kind.endswith("parameter_declaration"):
        return None
    pattern = node.child_by_field_name("pattern")
    if kind == "receiver_parameter" or (pattern and pattern.type == "this"):
        return None
    type_node = _typed(node)
    name = simple_type(_text(source, type_node).lstrip(": "))
    if pattern and pattern.type == "rest_pattern":
        return "*"
    if kind == "parameter_declaration" and name == "void":
        alone = node.child_by_field_name("declarator") is None
        return None if alone else ""
    return name + _optional(source, node, after)


def _optional(source: bytes, node: "Node", after: "list[Node]") -> str:
    """Return the mark of a parameter that a call may leave out, or "" ."""
    if node.type.startswith("optional") or node.child_by_field_name("value"):
        return "?"
    before = node.prev_sibling
    if before is not None and before.type == "parameter_modifiers":
        words = source[before.start_byte : before.end_byte].split()
        if b"vararg" in words:
            return "*"
    if after and after[0].type == "=":  # Kotlin
        return "?"
    if node.type == "parameter":
        text = source[node.start_byte : node.end_byte]
        # C#: a default, or the object that an extension method is called on
        return "?" if b"=" in text or text.startswith(b"this ") else ""
    return ""


def _typed(node: "Node") -> "Node | None":
    """Return the node of a parameter's type; a pointer to it is not that type."""
    declared = node.child_by_field_name("type")
    if declared is None and node.type in ("parameter", "spread_parameter"):
        named = [child for child in node.named_children if "type" in child.type]
        return named[0] if named else None
    return declared


def result_of(header: str, text: str) -> str:
    """Return a result type, as ``Self`` where it is that of the receiver.

    ``def f(self: T) -> T``, ``def f(cls: type[T]) -> T``, ``-> typing.Self``,
    ``-> &mut Self``.
    """
    if not text:
        return text
    plain = _REFERENCE.sub("", text.strip("\"'"))
    match = _RECEIVER.match(header)
    own = plain.endswith(".Self") or plain == "Self" or (match and match[1] == plain)
    return "Self" if own else text


def arguments_of(source: bytes, callee: "Node", parent: "Node | None") -> Texts | None:
    """Return the arguments of the call that a name with this parent is the callee of.

    None for a use that lists none, such as a reference to a method.
    """
    end = callee.end_byte
    if source[end : end + 2] == b"()" and source[end + 2 : end + 4].strip()[:1] != b"{":
        return ()  # half of all calls; a closure may follow in Kotlin and Swift
    node, call = callee, parent
    for _ in range(5):
        if call is None:
            return None
        listed = call.child_by_field_name("arguments")
        if listed is not None and listed.type == "template_string":
            return None
        if listed is not None and listed != node and "template" not in listed.type:
            return _arguments(source, listed.named_children, 0)
        if call.type == "call_expression":  # Kotlin
            return _kotlin(source, call)
        node, call = call, call.parent
    return None


def _kotlin(source: bytes, call: "Node") -> Texts:
    listed: list[Node] = []
    lambdas = 0
    for part in (call, call.parent):
        if part is None or part.type != "call_expression":
            continue
        children = part.children[1:] if part.children[0] != call else part.children
        if any(child.type == "call_suffix" for child in children):
            return _swift(source, children)
        for child in children:
            if child.type == "value_arguments":
                listed += child.named_children
            lambdas += child.type == "annotated_lambda"
    return _arguments(source, listed, lambdas)


def _swift(source: bytes, children: "list[Node]") -> Texts:
    """Return the arguments of a Swift call; a closure behind it may fill any label."""
    found: list[str] = []
    parts = [part for child in children for part in child.named_children]
    for part in parts:
        if part.type == "lambda_literal":
            found.append("*")
        for argument in part.named_children if part.type == "value_arguments" else ():
            label = argument.child_by_field_name("name")
            text = _argument(source, argument)
            found.append(f"{_text(source, label) or '_'}:{text}")
    return tuple(found[:MOST])


def _arguments(source: bytes, nodes: "list[Node]", more: int) -> Texts:
    found = [_argument(source, n) for n in nodes if "comment" not in n.type]
    return tuple(found[:MOST]) + ("",) * more


def _argument(source: bytes, node: "Node") -> str:
    if node.type in ("argument", "value_argument") and node.named_child_count:
        node = node.named_children[-1]
    kind = node.type
    if kind == "identifier":
        text = _text(source, node)
        return text if _VARIABLE.match(text) else ""
    if kind in _SPREAD or kind == "spread_expression":
        return "*"
    if kind in ("parenthesized_expression", "assignment_expression"):
        inner = node.named_children[-1] if node.named_child_count else None
        return _argument(source, inner) if inner else ""
    if kind in ("binary_expression", "unary_expression", "update_expression"):
        return _computed(source, node)
    if kind in ("ternary_expression", "conditional_expression"):
        found = {_argument(source, child) for child in node.named_children[1:]}
        found -= {"'null'"} if len(found) > 1 else set()
        return found.pop() if len(found) == 1 else ""
    if kind in _LITERALS:
        return f"'{_literal(source, node)}'"
    if kind == "this":
        return kind
    if kind == "array_access":
        inner = node.child_by_field_name("array")
        text = _argument(source, inner) if inner else ""
        return f"{text}[]" if text and not text.startswith("'") else ""
    if kind == "array_creation_expression":
        name = simple_type(_text(source, node.child_by_field_name("type")))
        dimensions = sum(
            1 if child.type == "dimensions_expr" else _text(source, child).count("[")
            for child in node.children_by_field_name("dimensions")
        )
        return f"'{name}{'[]' * dimensions}'" if name else ""
    if kind in _MADE or kind == "cast_expression":
        made = node.child_by_field_name("type")
        made = made or node.child_by_field_name("constructor")
        name = simple_type(_text(source, made))
        return f"'{name}'" if name else ""
    if kind in CALL_KINDS:
        text = text_of(source, node)
        return text if text.endswith("()") and "?" not in text else ""
    if kind in ("field_access", "member_expression"):
        text = text_of(source, node)
        return text if _FIELD.match(text) else ""
    text = _text(source, node) if kind == "simple_identifier" else ""
    return text if _VARIABLE.match(text) else ""


def _computed(source: bytes, node: "Node") -> str:
    """Return the type that an operator gives: a truth value, a text, or ``a+b``."""
    operator = node.child_by_field_name("operator")
    if operator is not None and operator.type in _DECIDING:
        return "'boolean'"
    parts = [_argument(source, child) for child in node.named_children]
    texts = operator is None or operator.type == "+"
    if texts and "'String'" in parts:
        return "'String'"
    joined = "+".join(parts)
    return joined if all(parts) and len(joined) <= LONGEST else ""


def _literal(source: bytes, node: "Node") -> str:
    """Return the type of a literal; that of a number may be in its last letter."""
    kind = _LITERALS[node.type]
    last = source[node.end_byte - 1 : node.end_byte].lower()
    return _SUFFIXES.get((kind, last), kind)


def _text(source: bytes, node: "Node | None") -> str:
    if node is None or node.end_byte - node.start_byte > LONGEST:
        return ""
    return source[node.start_byte : node.end_byte].decode("utf-8", "replace")
