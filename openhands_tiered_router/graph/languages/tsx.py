"""TypeScript with JSX."""

from typing import Final

from openhands_tiered_router.graph.languages.base import Language
from openhands_tiered_router.graph.languages.javascript import JSX, imports
from openhands_tiered_router.graph.languages.typescript import QUERY


LANGUAGE: Final = Language(
    name="tsx",
    extensions=(".tsx",),
    grammar="tree_sitter_typescript",
    factory="language_tsx",
    query=QUERY + JSX,
    family="js",
    imports=imports,
    own_members=False,
    overloads=True,
)
