"""Rust."""

import re
from collections.abc import Iterable
from typing import Final

from openhands_tiered_router.graph.languages.base import ImportParts, Language
from openhands_tiered_router.graph.languages.rust_choices import unwrap
from openhands_tiered_router.graph.languages.rust_patterns import bindings


QUERY: Final = """
(function_item name: (identifier) @n) @d.f
(function_signature_item name: (identifier) @n) @d.f
[(struct_item name: (type_identifier) @n) (enum_item name: (type_identifier) @n)
 (union_item name: (type_identifier) @n) (trait_item name: (type_identifier) @n)
 (type_item name: (type_identifier) @n)] @d.c
(impl_item type: [(type_identifier) @n (generic_type type: (type_identifier) @n)
  (scoped_type_identifier name: (type_identifier) @n)
  (generic_type type: (scoped_type_identifier name: (type_identifier) @n))
  (reference_type type: [(type_identifier) (primitive_type) (array_type)] @n)
  (reference_type type: (generic_type type: (type_identifier) @n))
  (dynamic_type trait: (type_identifier) @n)
  (primitive_type) @n (array_type) @n (pointer_type) @n (tuple_type) @n]) @d.m
(impl_item trait: [(type_identifier) @x (generic_type type: (type_identifier) @x)
  (scoped_type_identifier) @x])
(trait_item bounds: (trait_bounds [(type_identifier) @x
  (generic_type type: (type_identifier) @x) (scoped_type_identifier) @x]))
(associated_type name: (type_identifier) @n) @d.c
(associated_type bounds: (trait_bounds . (_) @rt))
(mod_item name: (identifier) @n body: (_)) @d.m
(mod_item name: (identifier) !body) @i
(macro_definition name: (identifier) @n) @d.f
(call_expression function: [(identifier) @c
  (field_expression field: (field_identifier) @c)
  (scoped_identifier name: (identifier) @c)
  (generic_function function: [(identifier) @c
    (scoped_identifier name: (identifier) @c)
    (field_expression field: (field_identifier) @c)])])
(macro_invocation macro: [(identifier) @cm (scoped_identifier name: (identifier) @cm)])
(struct_expression name: [(type_identifier) @c
  (scoped_type_identifier name: (type_identifier) @c)])
(parameter type: (_) @t)
[(use_declaration) (extern_crate_declaration)] @i
(function_item return_type: (_) @rt)
(function_signature_item return_type: (_) @rt)
[(parameter) (let_declaration) (let_condition) (match_expression) (for_expression)
 (closure_expression) (struct_item) (union_item) (enum_variant) (type_parameter)
 (where_predicate)] @bd
(type_item type: (_) @rt)
(const_item name: (identifier) @v type: (_) @vt)
(static_item name: (identifier) @v type: (_) @vt)
[(if_expression) (match_arm) (while_expression) (for_expression)
 (try_expression) (where_clause)] @b
(match_pattern condition: (_)) @b
(let_declaration alternative: (block)) @b
(match_expression) @nb
["&&" "||"] @b
(token_tree ["if" "while" "for" "where" "?"] @b)
"""

_USE: Final = re.compile(r"(?:pub(?:\s*\([^)]*\))?\s+)?use\s+(.*?);?\s*\Z", re.DOTALL)
_CRATE: Final = re.compile(r"(?:pub\s+)?extern\s+crate\s+(\w+)(?:\s+as\s+(\w+))?")
_OPENING: Final = (
    "borrow borrow_mut expect expect_err into into_inner lock read unwrap unwrap_or"
    " unwrap_or_default unwrap_or_else unwrap_unchecked write get_or_insert"
    " get_or_insert_with or_default or_insert or_insert_with or_insert_with_key"
)
_KEEPING: Final = (
    "as_deref as_deref_mut as_mut as_ref as_mut_slice as_slice by_ref chain clone"
    " cloned collect copied cycle drain entry filter first first_mut flatten get"
    " get_mut get_unchecked get_unchecked_mut insert inspect into_boxed_slice"
    " into_iter"
    " into_owned into_values iter iter_mut last last_mut map_err max max_by max_by_key"
    " min min_by min_by_key next next_back nth ok ok_or ok_or_else or or_else peek"
    " peek_mut peekable pop pop_back pop_front remove replace rev skip skip_while"
    " split_off step_by swap_remove take take_while to_owned to_vec values values_mut"
    " default find unwrap_err windows chunks chunks_exact chunks_mut rchunks"
)
_MOD: Final = re.compile(r"(?:pub(?:\s*\([^)]*\))?\s+)?mod\s+(\w+)")


def imports(text: str) -> Iterable[ImportParts]:
    """Read ``mod x;``, ``extern crate x as y`` and the tree of a ``use``."""
    text = re.sub(r"//[^\n]*", "", text[text.rfind("]\n") + 1 :]).strip()
    module = _MOD.match(text)
    if module:
        yield f"self::{module[1]}", "", module[1]
        return
    crate = _CRATE.match(text)
    if crate:
        yield crate[1], "", crate[2] or crate[1]
        return
    used = _USE.match(text)
    if used:
        yield from _tree(re.sub(r"\s+", " ", used[1]).strip(), "")


def _tree(text: str, prefix: str) -> Iterable[ImportParts]:
    """Unfold ``a::{b, c::d as e, self}``."""
    head, brace, rest = text.partition("{")
    if brace:
        for part in _split(rest.rpartition("}")[0]):
            yield from _tree(part, prefix + head.replace(" ", ""))
        return
    path, _, alias = (part.strip() for part in text.partition(" as "))
    module, _, name = (prefix + path.replace(" ", "")).rpartition("::")
    if name == "self":
        module, _, name = module.rpartition("::")
    yield module, name, "" if name == "*" else alias or name


def _split(text: str) -> Iterable[str]:
    """Split at the commas outside of inner braces."""
    depth, start = 0, 0
    for at, char in enumerate(text):
        depth += (char == "{") - (char == "}")
        if char == "," and not depth:
            yield text[start:at].strip()
            start = at + 1
    if text[start:].strip():
        yield text[start:].strip()


LANGUAGE: Final = Language(
    name="rust",
    extensions=(".rs",),
    grammar="tree_sitter_rust",
    query=QUERY,
    imports=imports,
    test_path=re.compile(r"(?:^|/)(?:tests|benches)/|(?:^|/)tests?\.rs\Z"),
    test_marker=re.compile(r"#\[(?:\w+::)*test\b"),
    transparent=frozenset(f"{_OPENING} {_KEEPING}".split()),
    opening=frozenset(_OPENING.split()),
    own_members=False,
    fields_apart=True,
    unwrap=unwrap,
    bindings=bindings,
)
