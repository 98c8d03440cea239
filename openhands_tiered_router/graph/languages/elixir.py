"""Elixir."""

from typing import Final

from openhands_tiered_router.graph.languages.base import Language


QUERY: Final = """
(call target: (identifier) @_d (arguments (alias) @n) (#any-of? @_d "defmodule"
  "defprotocol" "defimpl")) @d.c
(call target: (identifier) @_d (arguments [(call target: (identifier) @n)
  (identifier) @n (binary_operator left: (call target: (identifier) @n) operator:
  "when")]) (#any-of? @_d "def" "defp" "defmacro" "defmacrop" "defguard"
  "defdelegate")) @d.f
(call target: (identifier) @_i (arguments . [(alias) @i (dot left: (alias) @i)])
  (#any-of? @_i "alias" "import" "use" "require"))
(call target: [(identifier) @c (dot right: (identifier) @c)])
(call target: (identifier) @_b (#any-of? @_b "if" "unless" "for" "cond")) @b
(stab_clause) @b
["&&" "||" "and" "or"] @b
"""

_SYNTAX: Final = (
    "def defp defmacro defmacrop defmodule defprotocol defimpl alias import use require"
    " if case cond unless for with fn defstruct quote unquote"
)

LANGUAGE: Final = Language(
    name="elixir",
    extensions=(".ex", ".exs"),
    grammar="tree_sitter_elixir",
    query=QUERY,
    ignored_calls=frozenset(_SYNTAX.split()),
)
