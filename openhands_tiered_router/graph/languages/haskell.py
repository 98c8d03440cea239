"""Haskell."""

from typing import Final

from openhands_tiered_router.graph.languages.base import Language


QUERY: Final = """
(function name: (variable) @n) @d.f
(bind name: (variable) @n) @d.f
[(data_type name: (name) @n) (newtype name: (name) @n) (class name: (name) @n)
  (type_synonym name: (name) @n)] @d.c
(instance name: (name) @n) @d.m
(apply function: [(variable) @c (constructor) @c (qualified id: (variable) @c)])
(import module: (module) @i)
(conditional) @b
(alternative) @b
(guards) @b
"""

LANGUAGE: Final = Language(
    name="haskell",
    extensions=(".hs",),
    grammar="tree_sitter_haskell",
    query=QUERY,
)
