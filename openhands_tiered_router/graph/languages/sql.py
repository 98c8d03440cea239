"""SQL."""

from typing import Final

from openhands_tiered_router.graph.languages.base import Language


QUERY: Final = """
(create_table (object_reference name: (identifier) @n)) @d.c
(create_view (object_reference name: (identifier) @n)) @d.c
(create_function (object_reference name: (identifier) @n)) @d.f
(invocation (object_reference name: (identifier) @c))
(relation (object_reference name: (identifier) @t))
(column_definition (object_reference name: (identifier) @t))
[(case) (where)] @b
"""

LANGUAGE: Final = Language(
    name="sql",
    extensions=(".sql",),
    grammar="tree_sitter_sql",
    query=QUERY,
    global_names=True,
)
