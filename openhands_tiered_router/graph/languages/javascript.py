"""JavaScript, and what TypeScript shares with it."""

import re
from collections.abc import Iterable
from typing import Final

from openhands_tiered_router.graph.languages.base import ImportParts, Language


SHARED: Final = """
[(function_declaration name: (identifier) @n)
 (generator_function_declaration name: (identifier) @n)
 (function_expression name: (identifier) @n)] @d.f
(method_definition name: (_) @n) @d.f
(variable_declarator name: (identifier) @n
  value: [(arrow_function) (function_expression)]) @d.f
(program [
  (lexical_declaration (variable_declarator name: (identifier) @n
    value: (call_expression arguments: (arguments
      . [(arrow_function) (function_expression)]))) @d.f)
  (lexical_declaration (variable_declarator name: (identifier) @n
    value: (object)) @d.m)
  (export_statement (lexical_declaration (variable_declarator name: (identifier) @n
    value: (call_expression arguments: (arguments
      . [(arrow_function) (function_expression)]))) @d.f))
  (export_statement (lexical_declaration (variable_declarator name: (identifier) @n
    value: (object)) @d.m))])
(assignment_expression
  left: [(identifier) @n (member_expression property: (property_identifier) @n)]
  right: [(arrow_function) (function_expression)]) @d.f
(pair key: (property_identifier) @n
  value: [(arrow_function) (function_expression)]) @d.f
(call_expression function: [(identifier) @c
  (member_expression property: (property_identifier) @c)])
(new_expression constructor: [(identifier) @c
  (member_expression property: (property_identifier) @c)])
(import_statement) @i
(export_statement) @i
(call_expression function: (import) arguments: (arguments . (string) @i))
(variable_declarator value: (call_expression function: (identifier) @_f)
  (#eq? @_f "require")) @i
(expression_statement (call_expression function: (identifier) @_f)
  (#eq? @_f "require")) @i
(variable_declarator name: (identifier) @v
  value: [(new_expression) (call_expression) (await_expression)
          (member_expression) (identifier)] @ve)
(assignment_expression left: (member_expression object: (this)) @v
  right: [(new_expression) (call_expression) (await_expression)
          (member_expression) (identifier)] @ve)
(for_in_statement left: (identifier) @v right: (_) @ve)
(return_statement [(new_expression) (call_expression) (identifier)] @re)
[(if_statement) (for_statement) (for_in_statement) (while_statement)
 (do_statement) (switch_case) (catch_clause) (ternary_expression)
 (assignment_pattern) (object_assignment_pattern)] @b
["&&" "||" "??"] @b
[(arrow_function) (function_expression)] @q
"""

JSX: Final = """
(jsx_opening_element name: [(identifier) @c
  (member_expression property: (property_identifier) @c)])
(jsx_self_closing_element name: [(identifier) @c
  (member_expression property: (property_identifier) @c)])
"""

CLASSES: Final = """
(class_declaration name: (identifier) @n) @d.c
(class name: (identifier) @n) @d.c
(class_heritage [(identifier) @x (member_expression) @x])
(field_definition property: (property_identifier) @n
  value: [(arrow_function) (function_expression)]) @d.f
(field_definition property: (property_identifier) @v
  value: [(new_expression) (call_expression) (identifier)] @ve)
"""

_SOURCE: Final = re.compile(r"""(?:\bfrom|^import|\(|=)\s*["'`]([^"'`]+)["'`]""")
_REQUIRE: Final = re.compile(r"""require\s*\(\s*["'`]([^"'`]+)["'`]\s*\)""")
_COMMENT: Final = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
_BRACES: Final = re.compile(r"\{([^{}]*)\}", re.DOTALL)
_DEFAULT: Final = re.compile(
    r"export\s+default\s+(?:async\s+)?(?:function\s*\*?|(?:abstract\s+)?class)?\s*"
    r"([A-Za-z_$][\w$]*)\s*([;({<]|extends\b|implements\b|\Z)"
)
_NAMESPACE: Final = re.compile(r"\*\s*as\s+([\w$]+)")
_DECLARED: Final = re.compile(r"(?:const|let|var)\s+([\w$]+)|^([\w$]+)")


def imports(text: str) -> Iterable[ImportParts]:
    """Read one import, re-export, default export or ``require``."""
    if text.startswith("export"):
        return _exports(text)
    if text.startswith("import"):
        return _imports(_COMMENT.sub(" ", text))
    return _required(text)


def _exports(text: str) -> Iterable[ImportParts]:
    """An ``export`` binds names for importers; most wrap a declaration."""
    head = text[:64]
    default = _DEFAULT.match(text[:256]) if "default" in head else None
    if default:
        yield "", default[1], "default"
        return
    rest = head.removeprefix("export").lstrip().removeprefix("type").lstrip()
    if not rest.startswith(("{", "*")):
        return
    text = _COMMENT.sub(" ", text)
    source = _SOURCE.search(text)
    module = source[1] if source else ""
    namespace = _NAMESPACE.search(text)
    if namespace:
        yield module, "", namespace[1]
    elif rest.startswith("*"):
        yield module, "*", ""
    else:
        yield from _clauses(text, module)


def _imports(text: str) -> Iterable[ImportParts]:
    source = _SOURCE.search(text)
    if source is None:
        return
    module = source[1]
    head = text[len("import") : source.start()].strip()
    if not head:
        yield module, "", ""
        return
    yield from _clauses(head, module)
    namespace = _NAMESPACE.search(head)
    if namespace:
        yield module, "", namespace[1]
    outside = _NAMESPACE.sub("", _BRACES.sub("", head)).removeprefix("type ")
    name = outside.strip(" ,\n\t")
    if name.isidentifier() or "$" in name:
        yield module, "default", name


def _clauses(text: str, module: str) -> Iterable[ImportParts]:
    """Read the ``{a, b as c, type d}`` part."""
    braces = _BRACES.search(text)
    for clause in braces[1].split(",") if braces else ():
        words = clause.split()
        if len(words) > 1 and words[0] == "type" and words[1] != "as":
            words = words[1:]
        if words:
            yield module, words[0], words[-1]


def _required(text: str) -> Iterable[ImportParts]:
    required = _REQUIRE.search(text)
    if required is None:
        module = text.strip("\"'`")
        if module and "\n" not in module and "(" not in module:
            yield module, "", ""
        return
    module = required[1]
    braces = _BRACES.match(text)
    if braces:
        for clause in braces[1].split(","):
            name, _, alias = (part.strip() for part in clause.partition(":"))
            if name.isidentifier():
                yield module, name, alias or name
        return
    declared = _DECLARED.match(text)
    alias = declared[1] or declared[2] if declared else ""
    yield module, "", "" if alias == "require" else alias


LANGUAGE: Final = Language(
    name="javascript",
    extensions=(".js", ".jsx", ".mjs", ".cjs"),
    grammar="tree_sitter_javascript",
    query=SHARED + JSX + CLASSES,
    family="js",
    imports=imports,
    own_members=False,
)
