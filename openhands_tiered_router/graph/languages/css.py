"""CSS."""

from typing import Final

from openhands_tiered_router.graph.languages.base import Language


QUERY: Final = """
(import_statement) @i
(class_selector (class_name) @n) @d.c
(id_selector (id_name) @n) @d.c
"""

LANGUAGE: Final = Language(
    name="css",
    extensions=(".css",),
    grammar="tree_sitter_css",
    query=QUERY,
)
