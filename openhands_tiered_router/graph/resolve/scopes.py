"""What names mean inside of one file's functions: parameters, variables, imports."""

import re

from openhands_tiered_router.graph.expressions import PATH, UNKNOWN
from openhands_tiered_router.graph.model import (
    Variable,
)
from openhands_tiered_router.graph.resolve.rust_local import RustLocal
from openhands_tiered_router.graph.resolve.variables import enclosing_type
from openhands_tiered_router.graph.texts import bare


class Scopes(RustLocal):
    """Evaluates chains of names as seen from a scope."""

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

    def chain(self, scope: int, parts: list[str], name: str) -> str | None:
        """Resolve ``a.b().name`` as seen from a scope."""
        owner = self.receiver = self.owner(scope, parts)
        found = self.names.follow(owner, [name], callee=True)
        if found is None and owner is not None and self.language.name == "rust":
            if parts == ["self"]:
                # a method of an impl block in another file than its type
                own = enclosing_type(self.facts, scope)
                found = self.names.own(f"{self.path}::{own}", name) if own else None
            if found is None:
                self.receiver = self.meant(scope, owner)
                bound = self.receiver if self.receiver != owner else None
                found = self.names.follow(bound, [name], callee=True)
        return found

    def owner(self, scope: int, parts: list[str]) -> str | None:
        """Return what ``a.b()`` gives as seen from a scope."""
        owner, rest, known = self.head(scope, parts)
        if not known:
            owner, rest = self.outside(parts)
        if rest and owner is not None:
            if self.language.name == "rust":
                other = self.meant(scope, owner)
                if other and self.names.member(owner, bare(rest[0])) is None:
                    owner = other
            owner = self.names.given(owner, rest)
        return owner

    def outside(self, parts: list[str]) -> tuple[str | None, list[str]]:
        """Resolve a chain's head from the top of the file."""
        key = tuple(parts)
        found = self.tops.get(key)
        if found is None:
            found = self.tops[key] = self._outside(parts)
        return found

    def _outside(self, parts: list[str]) -> tuple[str | None, list[str]]:
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
        text = self.closure_result(scope, first) if called else ""
        if text:
            return self.declared(scope, text), parts[1:], True
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
        if first[:1].isupper() and self.names.holds(self.path, first):
            return None, parts, False  # a type rather than an inherited constant
        own = enclosing_type(self.facts, scope)
        node = self.names.attribute(f"{self.path}::{own}", first) if own else None
        return node, parts[1:] if node else parts, node is not None

    def local_value(
        self, scope: int, name: str, here: bool, is_path: bool
    ) -> tuple[str | None, bool]:
        """Return what a scope itself binds a name to, and whether it does."""
        if not (here or self.sees(scope, -1)):
            return None, False
        key = scope, name
        variable = self.variables.get(key)
        if variable is not None and not is_path:
            if key not in self.typed:
                self.typed[key] = self.variable_type(scope, variable)
            return self.typed[key], True
        index = self.inner.get((scope, name))
        if index is not None:
            return self.ids[index], True
        entry = self.imports.get((scope, name))
        if entry is not None:
            return self.imported(entry), True
        return None, False

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

    def member_value(self, owner: str | None, parts: list[str]) -> str | None:
        if owner is None or len(parts) == 1:
            return (
                self.names.applied(owner, parts[0], called_only=True) if owner else None
            )
        return self.names.given(owner, parts[1:])
