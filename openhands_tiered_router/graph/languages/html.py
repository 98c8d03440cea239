"""HTML."""

from typing import Final

from openhands_tiered_router.graph.languages.base import Language


QUERY: Final = """
(attribute (attribute_name) @_a (quoted_attribute_value (attribute_value) @i)
  (#any-of? @_a "src" "href"))
"""

LANGUAGE: Final = Language(
    name="html",
    extensions=(".html", ".htm"),
    grammar="tree_sitter_html",
    query=QUERY,
)
