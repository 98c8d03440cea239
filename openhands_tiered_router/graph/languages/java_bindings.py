"""What the parameters of Java's lambdas are bound to."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from openhands_tiered_router.graph.expressions import UNKNOWN, text_of
from openhands_tiered_router.graph.languages.bound import Bound


if TYPE_CHECKING:
    from tree_sitter import Node


def bindings(source: bytes, node: "Node") -> Iterator[Bound]:
    """Yield the parameters of a lambda without declared types.

    A lambda mostly gets what the object holds that its method is called on:
    ``orders.stream().map(order -> …)``.
    """
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
        word = source[name.start_byte : name.end_byte].decode("utf-8", "replace")
        held = text if text == UNKNOWN else f"{text}[]"
        yield Bound(word, held, True, node.start_byte, node.end_byte)
