"""What a file shows to others: the only part of its facts they may ask for.

An edit that leaves a file's interface as it was cannot change the edges of any
other file, and most edits do. Where it does change, the keys that differ tell
exactly whose edges may.
"""

import re
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from openhands_tiered_router.graph.expressions import TAKEN, UNKNOWN
from openhands_tiered_router.graph.languages import language_named
from openhands_tiered_router.graph.model import (
    DEFINES_MACRO,
    MACRO,
    TRAIT,
    Definition,
    FileFacts,
    Import,
    NodeKind,
    Variable,
)
from openhands_tiered_router.graph.resolve.bounds import (
    Locals,
    bounded,
    bounds_of,
    returned,
)
from openhands_tiered_router.graph.resolve.overloads import Twin
from openhands_tiered_router.graph.resolve.variables import (
    SIMPLE,
    enclosing_type,
    globalise,
    local_variables,
    returns,
)


FIELD: Final = "="
"""Behind the name of a field whose type also has a method of that name."""

EXTENSION: Final = "<"
"""Behind the name of a Rust trait that gives methods to a type from elsewhere."""

IMPL: Final = "impl"
"""Stands for the result of an ``impl`` block of Rust, which defines no type."""
IMPLS: Final = ("impl", "unsafe impl")
"""How the header of one begins."""
ELSEWHERE: Final = "+"
"""Behind the name of a Rust type from another file that has an ``impl`` block here."""

RESULT: Final = re.compile(r"\b(?:Fn(?:Mut|Once)?|fn)\b.*->\s*(.+)", re.DOTALL)
"""The type of a closure or function of Rust, and what that gives."""
_CLOSURE: Final = re.compile(r"\bFn(?:Mut|Once)?\(((?:[^()]|\([^()]*\))*)\)")


class Symbol(Struct, frozen=True, array_like=True, gc=False):
    """What a name means in a file, before anything else is looked at."""

    kind: str
    """``f``unction, ``c``lass, ``m``odule, ``i``mport or ``v``ariable."""
    text: str = ""
    """Qualified name of a definition, module of an import, type of a variable."""
    name: str = ""
    """Member that is imported, or the result type of a function."""
    is_value: bool = False
    """Whether a variable's `text` is an expression instead of a type."""
    bases: tuple[str, ...] = ()
    """Texts of a class's base types."""
    hidden: bool = False
    """Whether it is inside a function, invisible to other files."""
    twins: tuple[Twin, ...] = ()
    """The functions of this name in a language with overloads, or the one."""


class Interface(Struct, frozen=True, array_like=True, gc=False):
    """A file's symbols by qualified name, and the modules it re-exports."""

    language: str
    symbols: dict[str, Symbol]
    stars: tuple[str, ...] = ()
    """Modules all of whose names are visible here."""
    dotted: frozenset[str] = frozenset()
    """Import aliases with a dot in them (Python's ``import a.b``)."""
    constraint: str = ""
    """What the file's build is restricted to."""
    traits: tuple[str, ...] = ()
    """What a ``use`` of all names of a Rust file may bring into sight as a trait."""


def interface_of(facts: FileFacts) -> Interface:
    """Return what other files can see of this one."""
    symbols: dict[str, Symbol] = {}
    local = local_variables(facts)
    for name, symbol in _variables(facts, local):
        symbols.setdefault(name, symbol)
    top = [found for found in facts.imports if found.scope < 0]
    for found in reversed(top):
        # `mod a; use a::a;` of Rust: the name is that of what is used
        declared = not found.name and facts.language == "rust"
        if found.alias and not (declared and found.alias in symbols):
            symbols[found.alias] = Symbol("i", found.module, found.name)
    apart = language_named(facts.language).fields_apart
    for name, symbol in _definitions(facts, local):
        before = symbols.get(name)
        if apart and before is not None and "." in name and before.kind == "v":
            symbols[name + FIELD] = before
        other = before is not None and _defined_elsewhere(before)
        if apart and symbol.kind == "m" and other:
            # an `impl` block of a type from another file
            symbols[name + ELSEWHERE] = symbol
            continue
        if symbol.name == IMPL:
            symbols[name + ELSEWHERE] = symbol
        symbols[name] = symbol
    if facts.language == "rust":
        used = dict(reversed([*_used_inside(facts)]))  # the first of a name counts
        symbols = _lifted(symbols, used)
        for name, symbol in (*_closures(facts, local), *used.items()):
            symbols.setdefault(name, symbol)
        symbols.update(_extensions(facts, symbols))
        for name, symbol in _aliased(symbols):
            symbols.setdefault(name, symbol)
    return Interface(
        language=facts.language,
        symbols=symbols,
        stars=tuple(found.module for found in top if found.name == "*"),
        dotted=frozenset(found.alias for found in top if "." in found.alias),
        constraint=facts.constraint,
        traits=_traits(top, symbols) if facts.language == "rust" else (),
    )


def _definitions(facts: FileFacts, local: Locals) -> Iterator[tuple[str, Symbol]]:
    """Yield every definition.

    Of several with one name the last counts, as it does at run time, but the
    first declared result: that is the first overload's. Overloads come with it.
    """
    twins = _twins(facts)
    bases = base_texts(facts)
    bounds = bounds_of(facts, local)
    results: dict[str, str] = {}
    types: set[str] = set()
    hidden: list[bool] = []
    for index, definition in enumerate(facts.definitions):
        parent = definition.parent
        inner = parent >= 0 and (
            hidden[parent] or facts.definitions[parent].kind == NodeKind.FUNCTION
        )
        hidden.append(inner)
        key, name = definition.qualname.partition("#")[0], definition.qualname
        if definition.returns == DEFINES_MACRO:
            key += MACRO
        if definition.kind == NodeKind.FUNCTION:
            result = results.get(key) or returns(facts, index, local)
            if bounds and result:
                result = returned(result, key, bounds)
            results[key] = result
            alike = twins.get(key, ())
            yield key, Symbol("f", name, result, hidden=inner, twins=alike)
        else:
            kind = "c" if definition.kind == NodeKind.CLASS else "m"
            if kind == "m" and key in types:
                continue  # a Rust `impl` block: the name means the type
            types.add(key)
            alias = definition.returns  # Rust's `type A = B;`
            if kind == "m" and definition.signature.startswith(IMPLS):
                alias = IMPL
            yield key, Symbol(kind, name, alias, False, bases.get(key, ()), inner)


def _closures(facts: FileFacts, local: Locals) -> Iterator[tuple[str, Symbol]]:
    """Yield what Rust's functions declare to call a closure with, as types."""
    bounds: dict[tuple[str, str], str] | None = None
    for (scope, name), variable in local.items():
        if scope < 0 or variable.is_value or name.startswith("<"):
            continue
        kind = variable.type.rpartition(" ")[2].lstrip("&")
        generic = local.get((scope, f"<{kind}>"))
        match = _CLOSURE.search(generic.type if generic else variable.type)
        if match:
            bounds = bounds_of(facts, local) if bounds is None else bounds
            function = facts.definitions[scope].qualname.partition("#")[0]
            text = bounded(match[1], function, bounds)
            yield function + TAKEN, Symbol("v", text)


def _used_inside(facts: FileFacts) -> Iterator[tuple[str, Symbol]]:
    """Yield what the modules inside of a Rust file import, and may export."""
    for found in facts.imports:
        around = facts.definitions[found.scope] if found.scope >= 0 else None
        if around is not None and around.kind == NodeKind.MODULE and found.alias:
            module = found.module.removeprefix("super").removeprefix("::")
            yield f"{around.qualname}.{found.alias}", Symbol("i", module, found.name)


def _traits(top: list[Import], symbols: dict[str, Symbol]) -> tuple[str, ...]:
    """Return the names of a file's own traits, and of what it exports of others."""
    own = [n for n, s in symbols.items() if (s.kind, s.name) == ("c", TRAIT)]
    used = [
        found.alias for found in top if found.exported and found.alias[:1].isupper()
    ]
    return tuple(dict.fromkeys(name for name in (*own, *used) if "." not in name))


def _lifted(symbols: dict[str, Symbol], used: dict[str, Symbol]) -> dict[str, Symbol]:
    """Return the symbols, with ``impl`` blocks inside of modules for all to see.

    Such a block gives a type its members wherever that is in sight. The type is one
    that the module imports by name, or, with ``use super::*``, one of the file.
    """
    found = dict(symbols)
    blocks: dict[str, str] = {}
    for name, symbol in symbols.items():
        kind = name.rpartition(".")[2]
        if symbol.name != IMPL or kind == name or name.endswith(ELSEWHERE):
            continue
        above = symbols.get(kind)
        source = used.get(name)
        if source is None and above is not None and above.kind in "ci":
            source = above if above.kind == "i" else Symbol("i", "", kind)
        if source is None or not _defined_elsewhere(source):
            continue
        blocks[name], found[name] = kind, source
        found.setdefault(kind, source)
        found.setdefault(kind + ELSEWHERE, symbol)
    for name, symbol in symbols.items() if blocks else ():
        owner, _, member = name.rpartition(".")
        if owner in blocks:
            found.setdefault(f"{blocks[owner]}.{member}", symbol)
    return found


def _aliased(symbols: dict[str, Symbol]) -> list[tuple[str, Symbol]]:
    """Return the members of Rust's ``type A = B<u8>;`` as those of B."""
    of: dict[str, str] = {}
    for name, symbol in symbols.items():
        target = symbol.name.partition("<")[0] if symbol.kind == "c" else ""
        if target in symbols and symbols[target].kind == "c" and "." not in name:
            of[name] = target
    found: list[tuple[str, Symbol]] = []
    for name, symbol in symbols.items() if of else ():
        owner, dot, member = name.partition(".")
        if dot and owner in of:
            found.append((f"{of[owner]}.{member}", symbol))
    return found


def _extensions(facts: FileFacts, symbols: dict[str, Symbol]) -> dict[str, Symbol]:
    """Return what types from elsewhere each trait is implemented for, as bases."""
    found: dict[str, Symbol] = {}
    for use in facts.types:
        if not use.is_base or use.scope < 0 or use.text not in symbols:
            continue
        owner = facts.definitions[use.scope]
        known = symbols.get(owner.name)
        if owner.kind != NodeKind.MODULE or known is None or known.kind != "m":
            continue
        key, name = use.text + EXTENSION, owner.qualname.partition("#")[0]
        before = found[key].bases if key in found else ()
        found[key] = Symbol("m", bases=tuple(dict.fromkeys((*before, name))))
    return found


def _defined_elsewhere(symbol: Symbol) -> bool:
    """Whether a Rust name is imported, though not from the standard library."""
    root = symbol.text.partition("::")[0]
    return symbol.kind == "i" and root not in ("std", "core", "alloc")


def _twins(facts: FileFacts) -> dict[str, tuple[Twin, ...]]:
    """Return the functions of each name that calls are distinguished by.

    TypeScript's implementation of declared overloads cannot be called by its own
    signature, so that it is left out.
    """
    found: dict[str, list[Definition]] = {}
    for definition in facts.definitions:
        if definition.parameters is not None:
            key = definition.qualname.partition("#")[0]
            found.setdefault(key, []).append(definition)
    return {
        key: tuple((d.qualname, d.parameters) for d in callable_of(alike))
        for key, alike in found.items()
    }


def callable_of(twins: list[Definition]) -> list[Definition]:
    """Return the signatures that were declared without a body, or all."""
    return [d for d in twins if not d.has_body] or twins


def base_texts(facts: FileFacts) -> dict[str, tuple[str, ...]]:
    """Return the base types of each class, by qualified name."""
    found: dict[str, tuple[str, ...]] = {}
    for use in facts.types:
        if use.is_base and use.scope >= 0:
            key = facts.definitions[use.scope].qualname.partition("#")[0]
            found[key] = (*found.get(key, ()), use.text)
    return found


def _variables(facts: FileFacts, local: Locals) -> Iterator[tuple[str, Symbol]]:
    """Yield module variables, class attributes and what ``self.x`` is set to."""
    bounds = bounds_of(facts, local)
    for variable in facts.variables:
        if variable.type == UNKNOWN or variable.name.startswith("<"):
            continue
        owner = _owner(facts, variable)
        if owner is None:
            continue
        name = variable.name.rpartition(".")[2]
        known = globalise(facts, variable.scope, variable, local)
        if bounds and known is not None and not known.is_value:
            text = bounded(known.type, f"{owner}.{name}", bounds)
            known = Variable(known.scope, known.name, text, False)
        if known is not None:
            key = f"{owner}.{name}" if owner else name
            yield key, Symbol("v", known.type, is_value=known.is_value)


def _owner(facts: FileFacts, variable: Variable) -> str | None:
    """Return the class that a variable is an attribute of, "" for the file."""
    if variable.scope < 0:
        return "" if SIMPLE.match(variable.name) else None
    definition = facts.definitions[variable.scope]
    if definition.kind != NodeKind.FUNCTION:
        return definition.qualname.partition("#")[0]
    head, _, rest = variable.name.partition(".")
    if head in ("self", "this") and rest and "." not in rest and "[" not in rest:
        return enclosing_type(facts, variable.scope)
    return None
