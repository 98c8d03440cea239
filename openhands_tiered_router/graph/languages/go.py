"""Go."""

import re
from collections.abc import Iterable
from typing import Final

from openhands_tiered_router.graph.constraints import constraint_of
from openhands_tiered_router.graph.languages.base import ImportParts, Language


QUERY: Final = """
(function_declaration name: (identifier) @n) @d.f
(method_declaration name: (field_identifier) @n) @d.f
(type_spec name: (type_identifier) @n) @d.c
(type_alias name: (type_identifier) @n) @d.c
(method_elem name: (field_identifier) @n) @d.f
(call_expression function: [(identifier) @c
  (selector_expression field: (field_identifier) @c)])
(composite_literal type: [(type_identifier) @c
  (qualified_type name: (type_identifier) @c)])
(field_declaration !name type: [(type_identifier) @x (qualified_type) @x])
(parameter_declaration type: (_) @t)
(import_spec) @i
(function_declaration result: (_) @rt)
(method_declaration result: (_) @rt)
(method_elem result: (_) @rt)
(parameter_declaration name: (identifier) @v type: (_) @vt)
(field_declaration name: (field_identifier) @v type: (_) @vt)
(var_spec name: (identifier) @v type: (_) @vt)
(var_spec name: (identifier) @v value: (expression_list . (_) @ve))
(short_var_declaration left: (expression_list . (identifier) @v)
  right: (expression_list . (_) @ve))
(range_clause left: (expression_list (_) (identifier) @v) right: (_) @ve)
[(if_statement) (for_statement) (expression_case) (type_case)
 (communication_case)] @b
["&&" "||"] @b
(func_literal) @q
"""

_SPEC: Final = re.compile(r"""(?:([\w.]+)\s+)?["`]([^"`]+)["`]""")
_VERSION: Final = re.compile(r"v\d+\Z")


def imports(text: str) -> Iterable[ImportParts]:
    """Read ``alias "path/of/package"``; the last component is the name."""
    match = _SPEC.match(text)
    if match is None:
        return
    alias, module = match[1], match[2]
    if alias == ".":
        yield module, "*", ""
        return
    parts = module.split("/")
    last = parts[-2] if len(parts) > 1 and _VERSION.match(parts[-1]) else parts[-1]
    yield module, "", alias or last.rpartition(".")[2].removeprefix("go-")


LANGUAGE: Final = Language(
    name="go",
    extensions=(".go",),
    grammar="tree_sitter_go",
    query=QUERY,
    imports=imports,
    test_path=re.compile(r"_test\.go\Z"),
    test_name=re.compile(r"(?:Test|Benchmark|Fuzz|Example)(?![a-z])"),
    receiver_types=re.compile(r"func\s*\(\s*(?:\w+\s+)?\*?\s*(\w+)"),
    own_members=False,
    package_scope=True,
    constraint=constraint_of,
)
