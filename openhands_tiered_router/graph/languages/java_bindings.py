"""What the parameters of Java's lambdas and its type parameters are bound to."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from openhands_tiered_router.graph.expressions import UNKNOWN, text_of
from openhands_tiered_router.graph.languages.bound import FOR_GOOD, Bound


if TYPE_CHECKING:
    from tree_sitter import Node


def bindings(source: bytes, node: "Node") -> Iterator[Bound]:
    """Yield a type parameter's bound, or a lambda's parameters without types.

    A lambda mostly gets what the object holds that its method is called on:
    ``orders.stream().map(order -> …)``.
    """
    if node.type == "type_parameter":
        name, bound = node.named_children[0], node.named_children[-1]
        if bound.type == "type_bound":
            first = bound.named_children[0]
            yield Bound(
                f"<{_text(source, name)}>", _text(source, first), False, 0, FOR_GOOD
            )
        return
    listed = node.child_by_field_name("parameters")
    if listed is None or listed.type == "formal_parameters":
        return
    names = [listed] if listed.type == "identifier" else listed.named_children
    call = node.parent.parent if node.parent else None
    around = call.child_by_field_name("object") if call else None
    if around is not None and call is not None and call.type == "method_invocation":
        text = text_of(source, around)
    else:
        text = UNKNOWN
    for name in names:
        held = text if text == UNKNOWN else f"{text}[]"
        yield Bound(_text(source, name), held, True, node.start_byte, node.end_byte)


def _text(source: bytes, node: "Node") -> str:
    return source[node.start_byte : node.end_byte].decode("utf-8", "replace")
