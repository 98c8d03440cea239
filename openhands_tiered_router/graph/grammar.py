"""Compiled grammars: one parser and one query a language, made on first use.

Compiling a query takes 2 to 121 ms, so each process compiles only what its
files need. py-tree-sitter holds the GIL while it parses, so one parser serves
every thread.
"""

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Final

from openhands_tiered_router.graph.languages import Language


if TYPE_CHECKING:
    from tree_sitter import Node, Parser, Query

MATCH_LIMIT: Final = 256
"""Bounds queries that are quadratic on deep trees (34 s without it on one Go
file, measured on a prototype)."""


class GrammarMissingError(Exception):
    """The wheel with a language's grammar is not installed, or too old."""


@cache
def compiled(language: Language) -> "tuple[Parser, Query]":
    """Return the parser and the query of a language.

    Raises:
        GrammarMissingError: Its grammar cannot be loaded; the message says what
            to install.
    """
    import tree_sitter  # 12 ms; a process that only asks never parses

    try:
        module = import_module(language.grammar)
        grammar = tree_sitter.Language(getattr(module, language.factory)())
        query = tree_sitter.Query(grammar, language.query)
    except (ImportError, AttributeError, ValueError, tree_sitter.QueryError) as error:
        package = language.grammar.replace("_", "-")
        raise GrammarMissingError(
            f"{language.name}: cannot load {package} ({error}); its files are graph"
            " nodes without definitions. Remedy: pip install"
            " 'openhands-tiered-router[languages]'"
        ) from error
    return tree_sitter.Parser(grammar), query


@cache
def has_grammar(language: Language) -> bool:
    """Whether a language's grammar is installed, without compiling anything."""
    from importlib.util import find_spec  # rarely asked

    return find_spec(language.grammar) is not None


def captures(language: Language, source: bytes) -> "tuple[Node, dict[str, list[Node]]]":
    """Parse a file; return its root and the nodes that the query captured."""
    import tree_sitter  # as above

    parser, query = compiled(language)
    root = parser.parse(source).root_node
    shown = language.unwrap(source, root) if language.unwrap else source
    if shown != source:
        root = parser.parse(shown).root_node
    cursor = tree_sitter.QueryCursor(query, match_limit=MATCH_LIMIT)
    return root, cursor.captures(root)
