"""TypeScript with JSX."""

from typing import Final

from .base import Language
from .javascript import JSX, imports
from .typescript import QUERY


LANGUAGE: Final = Language(
    name="tsx",
    extensions=(".tsx",),
    grammar="tree_sitter_typescript",
    factory="language_tsx",
    query=QUERY + JSX,
    family="js",
    imports=imports,
    own_members=False,
)
