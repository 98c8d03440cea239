"""The bounds of type parameters, written into what is declared with them."""

import re
from typing import Final

from openhands_tiered_router.graph.model import FileFacts, NodeKind, Variable
from openhands_tiered_router.graph.texts import type_arguments


type Locals = dict[tuple[int, str], Variable]
"""(scope, name) to the first binding of a variable in that scope."""

_WORD: Final = re.compile(r"(?<![\w:'.])[A-Z]\w*")


def bounds_of(facts: FileFacts, local: Locals) -> dict[tuple[str, str], str]:
    """Return the traits that bind type parameters, by type and parameter.

    Rust often binds them in the ``impl`` blocks only, under the same name.
    """
    found: dict[tuple[str, str], str] = {}
    if facts.language not in ("java", "rust"):
        return found
    bounds = [v for v in local.values() if v.scope >= 0 and v.name.startswith("<")]
    if not bounds:
        return found
    declared = {
        definition.name: parameters_in(definition.signature, definition.name)
        for definition in facts.definitions
        if definition.kind == NodeKind.CLASS and "<" in definition.signature
    }
    for variable in reversed(bounds):
        owner, name = facts.definitions[variable.scope], variable.name[1:-1]
        key = owner.qualname.partition("#")[0]
        found[key, name] = variable.type
        if owner.kind == NodeKind.MODULE and owner.name in declared:
            given = parameters_in(owner.signature.partition(" where ")[0], owner.name)
            for own, called in zip(declared[owner.name], given, strict=False):
                if called == name:
                    found[key, own] = variable.type
    return found


def parameters_in(header: str, name: str) -> list[str]:
    """Return the type parameters behind the last mention of a type in a header."""
    rest = header.rpartition(name)[2]
    return [re.split(r"[ :=]", part)[0] for part in type_arguments(rest)]


def bounded(text: str, name: str, bounds: dict[tuple[str, str], str]) -> str:
    """Write the traits of type parameters into the type of a field or a function."""
    owner = name.rpartition(".")[0]

    def trait(word: re.Match[str]) -> str:
        return bounds.get((name, word[0])) or bounds.get((owner, word[0])) or word[0]

    return _WORD.sub(trait, text)


def returned(result: str, name: str, bounds: dict[tuple[str, str], str]) -> str:
    """Write bounds into a result; ``B`` of ``class A<B extends A<B>>`` is ``Self``."""
    owner = name.rpartition(".")[0]
    own = owner.rpartition(".")[2]
    if own and bounds.get((owner, result), "").partition("<")[0] == own:
        return "Self"
    return bounded(result, name, bounds)
