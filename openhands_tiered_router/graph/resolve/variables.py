"""What a file's variables hold, and the types around them, in names that it shows."""

import re
from typing import Final

from openhands_tiered_router.graph.expressions import UNKNOWN
from openhands_tiered_router.graph.model import FileFacts, NodeKind, Variable
from openhands_tiered_router.graph.resolve.bounds import Locals


_WORD: Final = re.compile(r"[\w$@]+")
SIMPLE: Final = re.compile(r"[A-Za-z_$][\w$.]*\Z")
"""A name, or several with dots between."""
_SELF: Final = frozenset({"self", "this", "Self", "@", "super", "super()"})
_PYTHON_SELF: Final = _SELF | {"cls"}


def own_names(language: str) -> frozenset[str]:
    """Return the heads of expressions that mean the enclosing type."""
    return _PYTHON_SELF if language == "python" else _SELF


def enclosing_type(facts: FileFacts, scope: int) -> str | None:
    """Return the qualified name of the innermost type around a scope."""
    while scope >= 0:
        definition = facts.definitions[scope]
        if definition.kind != NodeKind.FUNCTION:
            return definition.qualname.partition("#")[0]
        owner, dot, _ = definition.qualname.rpartition(".")
        if dot and definition.parent < 0:
            return owner
        scope = definition.parent
    return None


def local_variables(facts: FileFacts) -> Locals:
    """Return the first binding of each variable that is not an attribute.

    The bounds of one type parameter are put together.
    """
    found: dict[tuple[int, str], Variable] = {}
    for variable in facts.variables:
        key = (variable.scope, variable.name)
        known = found.setdefault(key, variable)
        if known is not variable and variable.name.startswith("<"):
            text = f"{known.type} + {variable.type}"
            found[key] = Variable(variable.scope, variable.name, text, False)
    return found


def returns(facts: FileFacts, index: int, local: Locals) -> str:
    """Return a function's result type, or ``=`` and an expression, or ""."""
    text = facts.definitions[index].returns
    if text in ("=self", "=this"):
        return "Self"
    if not text.startswith("="):
        return text
    value = Variable(index, "", text[1:], True)
    known = globalise(facts, index, value, local)
    if known is None:
        return ""
    return f"={known.type}" if known.is_value else known.type


def globalise(
    facts: FileFacts,
    scope: int,
    variable: Variable,
    local: Locals,
    depth: int = 4,
) -> Variable | None:
    """Rewrite what a variable holds in terms of names that the file shows.

    Returns:
        A variable whose type or expression starts at a module-level name, or
        None if it depends on something local that is not known.
    """
    if not variable.is_value or scope < 0:
        return variable
    head, separator, rest = _head(variable.type)
    if head in own_names(facts.language):
        owner = enclosing_type(facts, scope)
        text = f"{owner}{separator}{rest}" if owner else ""
        return Variable(scope, variable.name, text, True) if text else None
    bound = None
    while scope >= 0 and bound is None:
        bound = local.get((scope, head))
        scope = facts.definitions[scope].parent
    if bound is None:
        return variable
    if depth == 0 or bound.type == UNKNOWN or bound is variable:
        return None
    known = globalise(facts, bound.scope, bound, local, depth - 1)
    if known is None or not separator:
        return known
    start = known.type.lstrip("*& ")
    if not known.is_value and not SIMPLE.match(start):
        return None
    return Variable(scope, variable.name, f"{start}{separator}{rest}", True)


def _head(text: str) -> tuple[str, str, str]:
    """Split ``a().b`` at the first dot, call or subscript."""
    match = _WORD.match(text)
    head = match[0] if match else text
    rest = text[len(head) :]
    return head, rest[:1], rest[1:]
