"""Objective-C."""

from typing import Final

from openhands_tiered_router.graph.languages.base import Language
from openhands_tiered_router.graph.languages.c import SHARED


QUERY: Final = (
    SHARED
    + """(class_interface . (identifier) @n) @d.c
(class_implementation . (identifier) @n) @d.c
(protocol_declaration . (identifier) @n) @d.c
(class_interface superclass: (identifier) @x)
(method_definition (method_type)? . (identifier) @n) @d.f
(message_expression method: (identifier) @c)
"""
)

LANGUAGE: Final = Language(
    name="objc",
    extensions=(".m", ".mm"),
    grammar="tree_sitter_objc",
    query=QUERY,
    family="c",
    global_names=True,
)
