"""What a file itself says of its names: scopes, imports and inner definitions."""

from collections.abc import Callable
from functools import cached_property

from openhands_tiered_router.graph.languages import Language, language_named
from openhands_tiered_router.graph.model import (
    DEFINES_MACRO,
    MACRO,
    FileFacts,
    Import,
    NodeKind,
)
from openhands_tiered_router.graph.resolve.bounds import Locals
from openhands_tiered_router.graph.resolve.interface import IMPLS
from openhands_tiered_router.graph.resolve.names import TOKENS, Names
from openhands_tiered_router.graph.resolve.overloads import FINAL
from openhands_tiered_router.graph.resolve.variables import (
    enclosing_type,
    local_variables,
    own_names,
)
from openhands_tiered_router.graph.texts import TOKEN


class Asked[T](dict[str, T]):
    """The answers to one question about the names of a file, found when asked for.

    What they depend on is in `Tabled.reads` once, which holds until the next file.
    """

    def __init__(self, question: Callable[[str, str], T], path: str) -> None:
        super().__init__()
        self._question = question
        self._path = path

    def __missing__(self, name: str) -> T:
        found = self[name] = self._question(self._path, name)
        return found


class Local:
    """A file's scopes, innermost first; outside of them `Names` takes over."""

    def __init__(self, names: Names, facts: FileFacts) -> None:
        self.names = names
        self.facts = facts
        self.path = facts.path
        self.language: Language = language_named(facts.language)
        self.own_names = own_names(facts.language)
        self.symbols = Asked(names.symbol, facts.path)
        self.types_in = Asked(names.types_in, facts.path)
        self.tops: dict[tuple[str, ...], tuple[str | None, list[str]]] = {}
        self.nested: dict[tuple[str, str], list[str]] = {}
        self.typed: dict[tuple[int, str], str | None] = {}
        """What variables are, by scope and name."""
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
        found = self.types_in[trait or text]
        jvm = not found and self.language.family == "jvm"
        own = enclosing_type(self.facts, scope) if jvm else None
        return self._nested(own, text) if own else found

    def _nested(self, own: str, text: str) -> list[str]:
        """Return the types in a text that the types around have or inherit."""
        found = self.nested.get((own, text))
        if found is None:
            found = self.nested[own, text] = []
            for token in TOKEN.findall(text)[:TOKENS]:
                if token in FINAL:
                    continue
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

    def own_member(self, scope: int, name: str) -> str | None:
        while scope >= 0:
            if self.facts.definitions[scope].kind != NodeKind.FUNCTION:
                found = self.names.member(self.ids[scope], name)
                if found is not None:
                    return found
            scope = self.parents[scope]
        return None

    def bound(self, scope: int, name: str) -> str:
        """Return the trait that a type parameter is bound by, or ""."""
        while self.generic and scope >= 0:
            variable = self.variables.get((scope, f"<{name}>"))
            if variable is not None:
                return variable.type
            scope = self.parents[scope]
        return ""

    def block(self, scope: int) -> int:
        """Return the innermost scope that is no function."""
        while self.facts.definitions[scope].kind == NodeKind.FUNCTION:
            scope = self.parents[scope]
        return scope

    @cached_property
    def types_here(self) -> dict[str, int]:
        """The classes that the file defines, by qualified name."""
        return {
            definition.qualname: index
            for index, definition in enumerate(self.facts.definitions)
            if definition.kind == NodeKind.CLASS
        }
