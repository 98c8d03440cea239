"""Which definition a bare name calls, and what types the arguments of a call have."""

from typing import Final

from openhands_tiered_router.graph.arguments import simple_type
from openhands_tiered_router.graph.model import path_of
from openhands_tiered_router.graph.resolve.index import directory_of
from openhands_tiered_router.graph.resolve.overloads import (
    FINAL,
    SUPER,
    UNIVERSAL,
    USUAL,
    computed,
)
from openhands_tiered_router.graph.resolve.scopes import Scopes
from openhands_tiered_router.graph.resolve.variables import enclosing_type


EXACT: Final = 1.0
SAME_PACKAGE: Final = 0.95
"""An unimported name with one definition in the same directory."""
ONLY_ONE: Final = 0.7
"""A bare name with a single definition in the workspace."""
ONLY_GLOBAL: Final = 0.9
"""The same in a language without imports of names, such as C."""


class Callees(Scopes):
    """Resolves what is called, for `Linker`."""

    def callee(
        self, scope: int, name: str, *, variables: bool = True
    ) -> tuple[str | None, float]:
        """Resolve a bare name in call position, which variables may hide."""
        at = scope
        while at >= 0:
            if (at, name) in self.inner and self.sees(at, scope):
                return self.ids[self.inner[at, name]], EXACT
            if (at, name) in self.imports:
                return self.imported(self.imports[at, name]), EXACT
            # Java calls no variables
            named = (at, name) in self.variables and self.language.name != "java"
            if variables and named and self.sees(at, scope):
                return self.called_variable(at, name), EXACT
            at = self.parents[at]
        target = self.symbols[name]
        if target is None and self.language.own_members:
            target = self.own_member(scope, name)
        if target is not None:
            return target, EXACT
        if self.names.read(self.path, name) is not None:
            return None, EXACT
        return self._guess(name)

    def _guess(self, name: str) -> tuple[str | None, float]:
        """Choose by name alone, where that is not a mere chance."""
        if self.language.name == "python":
            return None, 0.0
        nodes = self.named(name)
        here = directory_of(self.path)
        close = [n for n in nodes if directory_of(n.partition("::")[0]) == here]
        if len(close) == 1:
            return close[0], SAME_PACKAGE
        if len(nodes) != 1:
            return None, 0.0
        return nodes[0], ONLY_GLOBAL if self.language.global_names else ONLY_ONE

    def named(self, name: str) -> tuple[str, ...]:
        family = self.language.family
        self.names.reads.add((f"name:{name}", family))
        return self.names.index.named(family, name)

    def kinds_of(self, scope: int, text: str) -> str:
        """Return the name of an argument's type, and those of what that inherits."""
        name = self._argument(scope, text)
        typed = name[:1].isupper() and name not in FINAL and not name.endswith("]")
        if not typed or self.language.name != "java":
            return name
        found = self.types(scope, name)
        lineage = self.names.lineage(found[0]) if found else None
        above = (node.rpartition("::")[2].partition("#")[0] for node in lineage or ())
        kinds = [name, *(kind.rpartition(".")[2] for kind in above)]
        return SUPER.join(dict.fromkeys(kinds))

    def _argument(self, scope: int, text: str) -> str:
        """Return the simple name of an argument's type, "" if it is unknown."""
        if not text or text == "*":
            return text
        label, colon, rest = text.partition(":")
        if colon:
            return f"{label}:{self._argument(scope, rest)}"
        if "+" in text:
            return computed([self._argument(scope, part) for part in text.split("+")])
        if text.startswith("'"):
            return text.strip("'")
        if text == "this":
            return (enclosing_type(self.facts, scope) or "").rpartition(".")[2]
        if text.endswith("[]"):
            held = self._argument(scope, text[:-2])
            return held[:-2] if held.endswith("[]") else ""
        if text.endswith("()"):
            return self._result(scope, text[:-2].split("."))
        if "." in text:
            *before, name = text.split(".")
            if before == ["StandardCharsets"]:
                return "Charset"
            return self._field(self.owner(scope, before), name)
        inside = scope
        while True:
            variable = self.variables.get((scope, text))
            if variable is not None:
                made = variable.is_value and not variable.type.endswith("()")
                name = simple_type(variable.type.removesuffix("()"))
                # a call with a small first letter is a function's, not a class's
                small = variable.is_value and not name[:1].isupper()
                return "" if made or small else name
            if scope < 0:
                own = enclosing_type(self.facts, inside)
                return self._field(f"{self.path}::{own}", text) if own else ""
            scope = self.parents[scope]

    def _field(self, owner: str | None, name: str) -> str:
        """Return the simple name of the type that a field is declared to have."""
        for node in (owner and self.names.lineage(owner)) or ():
            key = f"{node.partition('::')[2].partition('#')[0]}.{name}"
            symbol = self.names.read(path_of(node), key)
            if symbol is not None and symbol.kind == "v" and not symbol.is_value:
                return simple_type(symbol.text)
        # an enumeration's constant is one of its objects
        if owner is None or not name.isupper() or not self.names.is_type(owner):
            return ""
        return owner.rpartition("::")[2].rpartition(".")[2]

    def _result(self, scope: int, parts: list[str]) -> str:
        """Return the simple name of the type that a call declares to give."""
        *before, name = parts
        if name in UNIVERSAL:
            return UNIVERSAL[name]
        if before:
            node = self.chain(scope, before, name)
        else:
            node = self.callee(scope, name)[0]
        path, _, qualname = (node or "").partition("::")
        symbol = self.names.read(path, qualname.partition("#")[0]) if qualname else None
        if node is None and self.language.name == "java":
            boxed = name == "valueOf" and len(before) == 1 and before[0] in FINAL
            return before[0] if boxed else USUAL.get(name, "")
        if symbol is None or symbol.kind != "f":
            return ""
        return "" if symbol.name.startswith("=") else simple_type(symbol.name)
