"""Java, and what other languages of the JVM share with it."""

import re
from collections.abc import Iterable
from typing import Final

from openhands_tiered_router.graph.languages.base import ImportParts, Language
from openhands_tiered_router.graph.languages.java_bindings import bindings


QUERY: Final = """
[(method_declaration name: (identifier) @n)
 (constructor_declaration name: (identifier) @n)
 (annotation_type_element_declaration name: (identifier) @n)] @d.f
[(class_declaration name: (identifier) @n)
 (interface_declaration name: (identifier) @n)
 (enum_declaration name: (identifier) @n)
 (record_declaration name: (identifier) @n)
 (annotation_type_declaration name: (identifier) @n)] @d.c
(field_declaration (variable_declarator
  (object_creation_expression type: (_) @x (class_body)) @d.c))
(constant_declaration (variable_declarator
  (object_creation_expression type: (_) @x (class_body)) @d.c))
(enum_constant body: (class_body) @d.c)
(superclass (_) @x)
(super_interfaces (type_list (_) @x))
(extends_interfaces (type_list (_) @x))
(method_invocation name: (identifier) @c)
(object_creation_expression type: [(type_identifier) @c
  (generic_type (type_identifier) @c)
  (scoped_type_identifier (type_identifier) @c .)])
(explicit_constructor_invocation constructor: (super) @c)
(method_reference (identifier) @c .)
(formal_parameter type: (_) @t)
[(marker_annotation name: (identifier) @t) (annotation name: (identifier) @t)]
(annotation_type_element_declaration type: (_) @rt)
(import_declaration) @i
(method_declaration type: (_) @rt)
(formal_parameter type: (_) @wt name: (identifier) @wv)
[(lambda_expression) (type_parameter)] @bd
(resource type: (_) @wt name: (identifier) @wv)
(catch_formal_parameter (catch_type . (_) @wt) name: (identifier) @wv)
(instanceof_expression right: (_) @wt name: (identifier) @wv)
(enhanced_for_statement type: (_) @wt name: (identifier) @wv)
(local_variable_declaration type: (_) @wt
  declarator: (variable_declarator name: (identifier) @wv))
(local_variable_declaration type: (type_identifier) @_var
  declarator: (variable_declarator name: (identifier) @v value: (_) @ve)
  (#eq? @_var "var"))
(field_declaration type: (_) @wt
  declarator: (variable_declarator name: (identifier) @wv))
[(if_statement) (for_statement) (enhanced_for_statement) (while_statement)
 (do_statement) (switch_label (_)) (catch_clause) (ternary_expression)] @b
["&&" "||"] @b
"""

_TRANSPARENT: Final = (
    "stream parallelStream filter sorted distinct limit skip iterator listIterator get"
    " next previous orElse orElseThrow orElseGet findFirst findAny values toList remove"
    " poll pop peek getFirst getLast first last element requireNonNull"
)
"""Methods of collections, streams and optionals: a type stands for these, too."""
_IMPORT: Final = re.compile(
    r"(?:import\s+)?(?:static\s+)?([\w.*\s`]+?)(?:\s+as\s+(\w+))?;?\Z"
)


def imports(text: str) -> Iterable[ImportParts]:
    """Read ``import a.b.C;``, ``import static a.b.C.m;`` and ``import a.b.*;``."""
    match = _IMPORT.match(text.strip())
    if match is None:
        return
    module, _, name = "".join(match[1].replace("`", "").split()).rpartition(".")
    yield module, name, "" if name == "*" else match[2] or name


LANGUAGE: Final = Language(
    name="java",
    extensions=(".java",),
    grammar="tree_sitter_java",
    query=QUERY,
    family="jvm",
    imports=imports,
    test_path=re.compile(r"(?:^|/)tests?/|(?:Test|Tests|IT)\.\w+\Z"),
    test_marker=re.compile(r"@(?:\w+\.)*(?:Test|ParameterizedTest|RepeatedTest)\b"),
    package_scope=True,
    overloads=True,
    fields_apart=True,
    transparent=frozenset(_TRANSPARENT.split()),
    bindings=bindings,
)
