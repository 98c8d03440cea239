"""What names mean inside of one file's functions: parameters, variables, imports."""

import re
from functools import cached_property
from typing import Final

from openhands_tiered_router.graph.expressions import PATH, UNKNOWN
from openhands_tiered_router.graph.languages import Language, language_named
from openhands_tiered_router.graph.model import (
    DEFINES_MACRO,
    MACRO,
    FileFacts,
    Import,
    NodeKind,
    Variable,
)
from openhands_tiered_router.graph.resolve.interface import (
    EXTENSION,
    IMPLS,
    Locals,
    enclosing_type,
    local_variables,
    own_names,
)
from openhands_tiered_router.graph.resolve.names import TOKENS, Names
from openhands_tiered_router.graph.resolve.rust import NATIVES
from openhands_tiered_router.graph.texts import NATIVE, TOKEN, WRAPPED, bare


_FOREIGN: Final = (NATIVE, WRAPPED)
_HOLDING: Final = ("[", "Vec", "Option", "Result", "Box", "Iterator")
_POINTER: Final = re.compile(r"\bfor (?:\w+::)*((?:Box|Rc|Arc|Pin)<.*>)")
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


class Scopes:
    """A file's scopes, innermost first; outside of them `Names` takes over."""

    def __init__(self, names: Names, facts: FileFacts) -> None:
        self.names = names
        self.facts = facts
        self.path = facts.path
        self.language: Language = language_named(facts.language)
        self.own_names = own_names(facts.language)
        self.receiver: str | None = None
        """What the last chain's callee was looked for in."""
        self.ids = [facts.node_id(index) for index in range(len(facts.definitions))]
        self.parents = [definition.parent for definition in facts.definitions]
        self.variables: Locals = local_variables(facts)
        self.generic = self.language.name in ("java", "rust") and any(
            name.startswith("<") for _, name in self.variables
        )
        """Whether any type parameter has a bound."""
        self.inner: dict[tuple[int, str], int] = {}
        self.imports: dict[tuple[int, str], Import] = {}
        for entry in facts.imports:
            if entry.scope >= 0 and entry.alias:
                self.imports.setdefault((entry.scope, entry.alias), entry)
        for index, definition in enumerate(facts.definitions):
            if definition.parent >= 0:
                mark = MACRO if definition.returns == DEFINES_MACRO else ""
                key = definition.parent, definition.name + mark
                known = key in self.inner or key in self.imports
                block = known and definition.signature.startswith(IMPLS)
                if not block and not self._is_constructor(index):
                    self.inner[key] = index

    def _is_constructor(self, index: int) -> bool:
        """Whether a function is called as the class that it is in, and means that."""
        definition = self.facts.definitions[index]
        around = self.facts.definitions[definition.parent]
        kinds = (definition.kind, around.kind)
        named = definition.name == around.name
        return named and kinds == (NodeKind.FUNCTION, NodeKind.CLASS)

    def module(self, entry: Import) -> str:
        """Return an import's module; ``super`` in an inline module is the file."""
        nested = self.language.name == "rust" and entry.scope >= 0
        if not nested or not entry.module.startswith("super"):
            return entry.module
        return entry.module[len("super") :].removeprefix("::")

    def types(self, scope: int, text: str) -> list[str]:
        name = text.strip("\"' *&").partition("<")[0].partition("[")[0]
        local = self.local(scope, name)
        if local is not None:
            return [local]
        trait = self.bound(scope, name)
        found = self.names.types_in(self.path, trait or text)
        own = enclosing_type(self.facts, scope)
        if not found and own and self.language.family == "jvm":
            for token in TOKEN.findall(text)[:TOKENS]:
                nested = self.names.nested(f"{self.path}::{own}", token)
                found += [nested] if nested else []
        return found

    def local(self, scope: int, name: str) -> str | None:
        """Return what a name means inside of a function, as a node."""
        while scope >= 0:
            index = self.inner.get((scope, name))
            if index is not None:
                return self.ids[index]
            entry = self.imports.get((scope, name))
            if entry is not None:
                return self.imported(entry)
            scope = self.parents[scope]
        return None

    def imported(self, entry: Import) -> str | None:
        found = self.names.imported(self.path, self.module(entry), entry.name)
        if found is None:
            return None
        place, symbol = found
        if symbol is None:
            return place
        if symbol.kind == "v":
            return self.names.typed(place, symbol)
        return f"{place}::{symbol.text}"

    def sees(self, at: int, scope: int) -> bool:
        """Whether the names of scope `at` are in sight from `scope`."""
        if at == scope or self.language.own_members:
            return True
        around = self.facts.definitions[at]
        if around.kind == NodeKind.MODULE:
            return not around.signature.startswith(IMPLS)
        return around.kind != NodeKind.CLASS

    def called_variable(self, scope: int, name: str) -> str | None:
        """A variable that is called: another name of a function or a class."""
        variable = self.variables[scope, name]
        if variable.is_value and re.fullmatch(r"[\w$.]+", variable.type):
            *before, last = variable.type.split(".")
            if last != name:
                return self.chain(scope, before, last) if before else None
        if not variable.is_value and variable.type.startswith(("type[", "Type[")):
            return self.variable_type(scope, variable)
        return None

    def own_member(self, scope: int, name: str) -> str | None:
        while scope >= 0:
            if self.facts.definitions[scope].kind != NodeKind.FUNCTION:
                found = self.names.member(self.ids[scope], name)
                if found is not None:
                    return found
            scope = self.parents[scope]
        return None

    def chain(self, scope: int, parts: list[str], name: str) -> str | None:
        """Resolve ``a.b().name`` as seen from a scope."""
        owner = self.receiver = self.owner(scope, parts)
        found = self.names.follow(owner, [name], callee=True)
        if found is None and parts == ["self"] and self.language.name == "rust":
            # a method of an impl block in another file than its type
            own = enclosing_type(self.facts, scope)
            found = self.names.own(f"{self.path}::{own}", name) if own else None
        return found

    def owner(self, scope: int, parts: list[str]) -> str | None:
        """Return what ``a.b()`` gives as seen from a scope."""
        owner, rest, known = self.head(scope, parts)
        if not known:
            owner, rest = self.outside(parts)
        if rest and owner is not None:
            given = self.names.given(owner, rest)
            if given is None and owner.rpartition("::")[2] in NATIVES:
                # `self` in Rust's `impl A for u8`
                given = self.names.given(NATIVES[owner.rpartition("::")[2]], rest)
            owner = given
        return owner

    def outside(self, parts: list[str]) -> tuple[str | None, list[str]]:
        """Resolve a chain's head from the top of the file."""
        parts = [parts[0].removeprefix(PATH), *parts[1:]]
        if len(parts) > 1:
            owner = self.names.walk(self.path, parts)
            if owner is not None and self.names.is_own(owner, parts[-1]):
                return self.names.value_of(self.path, ".".join(parts[:-1])), []
            return (self.names.applied(owner, parts[-1]) if owner else None), []
        owner = self.names.holds(self.path, bare(parts[0]))
        if owner is None:
            return self.names.rooted(self.path, parts), []
        return self.names.applied(owner, parts[0], called_only=True), []

    def head(self, scope: int, parts: list[str]) -> tuple[str | None, list[str], bool]:
        """Return (node, remaining parts, whether the first part is local)."""
        first = bare(parts[0])
        called = self.language.name in ("java", "rust") and f"{first}()" in parts[0]
        is_path = called or parts[0].startswith(PATH)
        if first == "super" and self.language.name == "rust":
            return self.above(scope), parts[1:], True
        if first in self.own_names:
            given = self.given_field(scope, parts[1]) if len(parts) > 1 else None
            if given is not None:
                return given, parts[2:], True
            return self.enclosing(scope, first), parts[1:], True
        if parts[1:2] == ["this"]:  # Outer.this of Java
            return next(iter(self.types(scope, first)), None), parts[2:], True
        trait = self.bound(scope, first) if first[:1].isupper() else ""
        if trait:
            return self.declared(scope, trait), parts[1:], True
        at = scope
        while at >= 0:
            node, known = self.local_value(at, first, at == scope, is_path)
            if known:
                if node is not None:
                    node = self.names.applied(node, parts[0], called_only=True)
                return node, parts[1:], True
            at = self.parents[at]
        if self.language.overloads and self.language.own_members:
            return self.inherited(scope, parts)
        return None, parts, False

    def inherited(
        self, scope: int, parts: list[str]
    ) -> tuple[str | None, list[str], bool]:
        """Return the same for a member that a class around inherits."""
        first = bare(parts[0])
        if parts[0] != first:
            node = self.own_member(scope, first)
            made = node and node.rpartition("::")[2].partition("#")[0]
            if node is None or f".{made}".endswith(f".{first}.{first}"):  # constructor
                return None, parts, False
            return self.names.applied(node, parts[0]), parts[1:], True
        own = enclosing_type(self.facts, scope)
        node = self.names.attribute(f"{self.path}::{own}", first) if own else None
        return node, parts[1:] if node else parts, node is not None

    def local_value(
        self, scope: int, name: str, here: bool, is_path: bool
    ) -> tuple[str | None, bool]:
        """Return what a scope itself binds a name to, and whether it does."""
        if not (here or self.sees(scope, -1)):
            return None, False
        variable = self.variables.get((scope, name))
        if variable is not None and not is_path:
            return self.variable_type(scope, variable), True
        index = self.inner.get((scope, name))
        if index is not None:
            return self.ids[index], True
        entry = self.imports.get((scope, name))
        if entry is not None:
            return self.imported(entry), True
        return None, False

    def above(self, scope: int) -> str | None:
        """Return what ``super::`` of Rust means: of an inline module, the file."""
        while scope >= 0:
            header = self.facts.definitions[scope].signature
            if header.startswith(("mod ", "pub mod ", "pub(crate) mod ")):
                return self.path
            scope = self.parents[scope]
        return self.names.find_module(self.path, "super")

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

    def given_field(self, scope: int, name: str) -> str | None:
        """Return the trait that a field's type is bound by in this ``impl`` block."""
        owner = enclosing_type(self.facts, scope) if self.generic else None
        struct = self.types_here.get(owner) if owner else None
        field = self.variables.get((struct, name)) if struct is not None else None
        trait = self.bound(scope, field.type.lstrip("& ")) if field else ""
        return self.declared(scope, trait) if trait else None

    @cached_property
    def types_here(self) -> dict[str, int]:
        """The classes that the file defines, by qualified name."""
        return {
            definition.qualname: index
            for index, definition in enumerate(self.facts.definitions)
            if definition.kind == NodeKind.CLASS
        }

    def pointed(self, scope: int) -> str | None:
        """Return what ``self`` points to in Rust's ``impl A for Box<B>``."""
        if self.language.name != "rust":
            return None
        while scope >= 0:
            header = self.facts.definitions[scope].signature
            match = _POINTER.search(header) if header.startswith(IMPLS) else None
            if match:
                return self.declared(scope, match[1])
            scope = self.parents[scope]
        return None

    def variable_type(
        self, scope: int, variable: Variable, depth: int = 5
    ) -> str | None:
        """Return the type of a local variable, by its annotation or its value."""
        if variable.type == UNKNOWN or depth == 0:
            return None
        if not variable.is_value:
            return self.declared(scope, variable.type)
        for choice in variable.type.split("|"):
            found = self.value(scope, variable, choice.split("."), depth)
            if found is not None:
                return found
        return None

    def extension(self, name: str) -> str | None:
        """Return a method that a trait in sight may add to a type from elsewhere.

        A Rust trait's methods can be called only where the trait is in sight. It is
        the trait's declaration, or the definition for the only such type.
        """
        if self.receiver is not None and not self.receiver.startswith(_FOREIGN):
            return None
        found: set[str] = set()
        for trait in self.traits:
            path, _, qualname = trait.partition("::")
            given = self.names.read(path, qualname + EXTENSION)
            declared = self.names.own(trait, name)
            if given is None or declared is None:
                continue
            kinds = given.bases
            if self.receiver is not None:
                kinds = tuple(kind for kind in kinds if _fits(self.receiver, kind))
                if not kinds:
                    continue
            kind = kinds[0] if len(kinds) == 1 else ""
            own = self.names.own(f"{path}::{kind}", name) if kind else None
            found.add(own or declared)
        return found.pop() if len(found) == 1 else None

    @cached_property
    def traits(self) -> tuple[str, ...]:
        """The workspace's traits that a Rust file imports or defines."""
        if self.language.name != "rust":
            return ()
        found = [self.imported(entry) for entry in self.facts.imports]
        found += [self.ids[n] for n, p in enumerate(self.parents) if p < 0]
        return tuple(node for node in found if node and self.names.is_trait(node))

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

    def bound(self, scope: int, name: str) -> str:
        """Return the trait that a type parameter is bound by, or ""."""
        while self.generic and scope >= 0:
            variable = self.variables.get((scope, f"<{name}>"))
            if variable is not None:
                return variable.type
            scope = self.parents[scope]
        return ""

    def value(
        self, scope: int, variable: Variable, parts: list[str], depth: int
    ) -> str | None:
        """Evaluate an expression that a local variable is set to."""
        first, at = bare(parts[0]), scope
        called = self.language.name in ("java", "rust") and f"{first}()" in parts[0]
        unbound = called or first in self.own_names or parts[0].startswith(PATH)
        while at >= 0 and not unbound:
            bound = self.variables.get((at, first))
            if bound is variable:
                return None
            if bound is not None:
                owner = self.variable_type(at, bound, depth - 1)
                return self.member_value(owner, parts)
            at = self.parents[at]
        if len(parts) == 2 and first[:1].isupper():
            found = self.variant(scope, first, parts[1])
            if found is not None:
                return found
        owner, rest, known = self.head(scope, parts)
        if not known:
            return self.names.value_of(self.path, ".".join(parts))
        return self.member_value(owner, [parts[0], *rest]) if rest else owner

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

    def member_value(self, owner: str | None, parts: list[str]) -> str | None:
        if owner is None or len(parts) == 1:
            return (
                self.names.applied(owner, parts[0], called_only=True) if owner else None
            )
        return self.names.given(owner, parts[1:])
