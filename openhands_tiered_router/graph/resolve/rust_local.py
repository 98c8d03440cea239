"""What is particular to Rust inside of a file: blocks, bounds, traits in sight."""

import re
from functools import cached_property
from typing import Final

from openhands_tiered_router.graph.languages.rust_methods import (
    HOLDING_METHODS,
    NATIVE_METHODS,
    is_standard,
)
from openhands_tiered_router.graph.resolve.bounds import parameters_in
from openhands_tiered_router.graph.resolve.interface import (
    EXTENSION,
    IMPL,
    IMPLS,
    RESULT,
)
from openhands_tiered_router.graph.resolve.local import Local
from openhands_tiered_router.graph.resolve.rust import FOREIGN, NATIVES
from openhands_tiered_router.graph.resolve.variables import enclosing_type
from openhands_tiered_router.graph.texts import NATIVE, WRAPPED, type_arguments, wrapped


_FOREIGN: Final = (NATIVE, WRAPPED)
_HOLDING: Final = ("[", "Vec", "Option", "Result", "Box", "Iterator")
_HOLDER: Final = re.compile(r"\bfor (?:\w+::)*((\w+)<.*>)")
_WORD: Final = re.compile(r"(?<![\w:'])[A-Z]\w*")


def _fits(node: str, kind: str) -> bool:
    """Whether a type from elsewhere may be that of an ``impl`` block of Rust.

    Args:
        node: The type, as `Names` writes it.
        kind: The name of the block: ``u8``, ``[u8]``, ``*const_T``, ``T`` for any.
    """
    if len(kind) == 1:
        return True
    if node.startswith(WRAPPED):
        return kind.startswith(_HOLDING)
    name = node.removeprefix(NATIVE)
    return (
        kind == name or (name == "str" and kind == "String") or kind[0] == name == "*"
    )


def _closest(node: str | None, kinds: tuple[str, ...]) -> tuple[str, ...]:
    """Return the type that is named so, or those that are no type parameter."""
    own = (node or "").removeprefix(NATIVE)
    if own in kinds:
        return (own,)
    return tuple(kind for kind in kinds if len(kind) > 1) or kinds


class RustLocal(Local):
    """The rules of Rust, for `Scopes`."""

    def declared(self, scope: int, text: str) -> str | None:
        """Return what a declared type gives members of."""
        if self.language.name != "rust":
            types = self.types(scope, text)
            return types[0] if types else None
        own = self.enclosing(scope, "Self") if "Self" in text else None
        if own is not None:
            text = re.sub(r"\bSelf\b", own.partition("::")[2].replace(".", "::"), text)
        text = _WORD.sub(lambda word: self.bound(scope, word[0]) or word[0], text)
        name = _WORD.search(text)
        local = self.local(scope, name[0]) if name and name.end() == len(text) else None
        return local or self.names.type_of(self.path, text)

    def enclosing(self, scope: int, word: str) -> str | None:
        owner = enclosing_type(self.facts, scope)
        if owner is None:
            return None
        trait = self.bound(scope, owner) if self.generic else ""
        if trait:  # impl<T: Trait> Other for &T
            return self.declared(scope, trait)
        pointed = self.pointed(scope) if word == "self" else None
        if pointed is not None:
            return pointed
        node = self.names.implemented(self.path, owner)
        if word != "super":
            return node
        bases = self.names.bases(node)
        return bases[0] if bases else None

    def above(self, scope: int) -> str | None:
        """Return what ``super::`` of Rust means: of an inline module, the file."""
        while scope >= 0:
            header = self.facts.definitions[scope].signature
            if header.startswith(("mod ", "pub mod ", "pub(crate) mod ")):
                return self.path
            scope = self.parents[scope]
        return self.names.find_module(self.path, "super")

    def pointed(self, scope: int) -> str | None:
        """Return what ``self`` points to or holds in Rust's ``impl A for Box<B>``."""
        if self.language.name != "rust":
            return None
        while scope >= 0:
            header = self.facts.definitions[scope].signature
            header = header.partition(" where ")[0]
            match = _HOLDER.search(header) if header.startswith(IMPLS) else None
            found = self.names.binding(self.path, match[2]) if match else None
            if match and (found is None or found[1] and found[1].name == IMPL):
                if match[2] in FOREIGN:
                    return self.declared(scope, match[1])
                held = type_arguments(match[1][len(match[2]) :])
                return wrapped(self.declared(scope, held[0])) if held else None
            scope = self.parents[scope]
        return None

    def given_field(self, scope: int, name: str) -> str | None:
        """Return the trait that a field's type is bound by in this ``impl`` block."""
        owner = enclosing_type(self.facts, scope) if self.generic else None
        struct = self.types_here.get(owner) if owner else None
        field = self.variables.get((struct, name)) if struct is not None else None
        if owner is None or struct is None or field is None:
            return None
        block = self.facts.definitions[self.block(scope)].signature
        own = parameters_in(self.facts.definitions[struct].signature, owner)
        here = parameters_in(block.partition(" where ")[0], owner)
        kind = field.type.lstrip("& ")
        trait = self.bound(scope, dict(zip(own, here, strict=False)).get(kind, kind))
        return self.declared(scope, trait) if trait else None

    def closure_result(self, scope: int, name: str) -> str:
        """Return the type that a parameter of Rust gives when it is called, or ""."""
        while scope >= 0:
            variable = self.variables.get((scope, name))
            if variable is not None and not variable.is_value:
                match = RESULT.search(self.bound(scope, variable.type) or variable.type)
                return match[1] if match else ""
            scope = self.parents[scope]
        return ""

    def meant(self, scope: int, node: str) -> str | None:
        """Return what is known of a type of Rust that has no members of its own.

        That is one of Rust's own in its ``impl`` block, or an associated type, which
        a ``where`` may bind.
        """
        kind = node.rpartition("::")[2]
        if node.startswith(_FOREIGN):
            return node
        if kind in NATIVES or kind[:1] in ("[", "*"):
            return self.declared(scope, kind)
        trait, dot, name = node.rpartition(".")
        if dot and self.names.is_trait(trait):
            bound = self.bound(scope, f"::{name}")
            return self.declared(scope, bound) if bound else None
        return node

    def variant(self, scope: int, name: str, field: str) -> str | None:
        """Return a field of an enum's variant that Rust imports: ``use Enum::*``."""
        if self.language.name != "rust":
            return None
        for entry in self.facts.imports:
            in_sight = entry.scope < 0 or entry.scope == scope
            if in_sight and (entry.name == "*" or entry.alias == name):
                variant = name if entry.name == "*" else entry.name
                owner = self.names.walk(self.path, self.module(entry).split("::"))
                if owner and self.names.is_type(owner):
                    found = self.names.attribute(owner, f"{variant}${field}")
                    if found is not None:
                        return found
        return None

    def extension(self, name: str) -> tuple[str | None, bool]:
        """Return a method that a trait in sight may add to a type from elsewhere.

        A Rust trait's methods can be called only where the trait is in sight, and
        after a type's own. It is the trait's declaration, or the definition for the
        only such type; and whether it is surely that.
        """
        receiver = self.receiver
        # a function has no methods but those that a trait gives to any type
        function = receiver is not None and self.is_function(receiver)
        native = receiver is not None and receiver.startswith(NATIVE)
        if receiver and not function and not receiver.startswith(_FOREIGN):
            return None, False
        if native and is_standard(name, NATIVE_METHODS):
            return None, False
        found: set[str] = set()
        unseen: set[str] = set()
        for trait in self.traits:
            path, _, qualname = trait.partition("::")
            given = self.names.read(path, qualname + EXTENSION)
            declared = self.names.own(trait, name)
            if declared is None:
                continue
            kinds = given.bases if given else ()
            if receiver is not None:
                kinds = tuple(kind for kind in kinds if _fits(receiver, kind))
            if not kinds:
                shown = given.bases if given else ()
                if native and not any(kind in NATIVES for kind in shown):
                    unseen.add(declared)  # a macro implements it
                continue
            kinds = _closest(receiver, kinds)
            kind = kinds[0] if len(kinds) == 1 else ""
            own = self.names.own(f"{path}::{kind}", name) if kind else None
            found.add(own or declared)
        # a slice has the method, or an iterator of its own one of that name
        sure = native or function or not is_standard(name, HOLDING_METHODS)
        found = found or unseen
        if len(found) != 1:
            return None, False
        return found.pop(), receiver is not None and sure

    def is_function(self, node: str) -> bool:
        """Whether a node is a function."""
        path, _, qualname = node.partition("::")
        symbol = self.names.read(path, qualname) if qualname else None
        return symbol is not None and symbol.kind == "f"

    @cached_property
    def traits(self) -> tuple[str, ...]:
        """The workspace's traits that a Rust file imports or defines."""
        if self.language.name != "rust":
            return ()
        names = self.names
        found = [self.imported(entry) for entry in self.facts.imports]
        for source in names.star_sources(self.path) or ():
            found += [names.symbol(source, n) for n in names.outline(source).traits]
        found += [self.ids[n] for n, p in enumerate(self.parents) if p < 0]
        return tuple(n for n in dict.fromkeys(found) if n and names.is_trait(n))
