"""What a name, a member or an expression means: the rules of resolution.

An answer is a node id (a definition or a file) or a ``dir:`` place. A class's
id stands for the class and for its instances alike: members are looked up in
the same place, and calling a class gives an instance.
"""

import re
from typing import Final

from openhands_tiered_router.graph.expressions import PATH, TAKEN
from openhands_tiered_router.graph.languages import language_named
from openhands_tiered_router.graph.model import path_of
from openhands_tiered_router.graph.resolve.interface import FIELD, Symbol
from openhands_tiered_router.graph.resolve.members import Members
from openhands_tiered_router.graph.resolve.rust import SELF
from openhands_tiered_router.graph.resolve.tabled import tabled
from openhands_tiered_router.graph.texts import (
    ITEMS,
    NATIVE,
    TOKEN,
    WRAPPED,
    bare,
    split_types,
    steps,
    tuple_items,
)


TOKENS: Final = 6
"""Names in a type's text that are tried: ``dict[str, Optional[Foo]]``."""

_DOTTED: Final = re.compile(r"[A-Za-z_$][\w$]*(?:\.[A-Za-z_$][\w$]*)*\Z")
_ITEM: Final = re.compile(r"\[(\d+)\]")
_OWN: Final = frozenset({"Self", "this", "Self()"})
"""Result types that mean the type of the receiver."""
_ENUM: Final = frozenset({"valueOf", "values"})
"""Methods that every enumeration of the JVM has, and that give its objects."""
_WORDS: Final = frozenset({"Self", "Any", "None", "Optional", "list", "dict", "str"})


class Names(Members):
    """Answers questions about names; see `Tabled` for how answers are kept."""

    def symbol(self, place: str, name: str) -> str | None:
        """Return the node that a module-level name refers to."""
        found = self.binding(place, name)
        return self.node_of(found) if found else None

    def node_of(self, found: tuple[str, Symbol | None]) -> str | None:
        place, symbol = found
        if symbol is None:
            return place
        if symbol.kind == "v":
            simple = symbol.is_value and _DOTTED.match(symbol.text)
            return self.value_of(place, symbol.text) if simple else None
        return f"{place}::{symbol.text}"

    @tabled
    def holds(self, place: str, name: str) -> str | None:
        """Return what a module-level name gives members of: its value's type."""
        found = self.binding(place, name)
        if found is None:
            return None
        symbol = found[1]
        if symbol is not None and symbol.kind == "v":
            return self.typed(found[0], symbol)
        return self.node_of(found)

    def typed(self, path: str, symbol: Symbol) -> str | None:
        """Return the type of a variable."""
        if symbol.is_value:
            return self.value_of(path, symbol.text)
        return self.type_of(path, symbol.text)

    @tabled
    def type_of(self, path: str, text: str) -> str | None:
        """Return the first type of the workspace that a type's text names."""
        if text.startswith("="):
            return self.value_of(path, text[1:])
        if self.outline(path).language == "rust":
            return self.rust_type(path, text)
        for token in TOKEN.findall(text)[:TOKENS]:
            if token in _WORDS:
                continue
            found = self.walk(path, steps(token))
            if found and self.is_type(found):
                return self._made(found)
        return None

    def types_in(self, path: str, text: str) -> list[str]:
        """Return every type of the workspace that a type's text names."""
        found = (
            self.walk(path, steps(token))
            for token in TOKEN.findall(text)[:TOKENS]
            if token not in _WORDS
        )
        return [node for node in found if node and self.is_type(node)]

    def _made(self, node: str) -> str:
        """Return what calling a class gives: itself, or what ``__new__`` says."""
        path, _, qualname = node.partition("::")
        factory = self.read(path, f"{qualname.partition('#')[0]}.__new__")
        if factory is None or not factory.name or factory.name.strip("\"'") in _WORDS:
            return node
        return self.type_of(path, factory.name) or node

    @tabled
    def value_of(self, path: str, text: str) -> str | None:
        """Return what an expression of module-level names evaluates to."""
        for choice in text.split("|"):
            parts = choice.split(".")
            found = self.walk(path, parts)
            if found is None:
                continue
            if len(parts) > 1 and self.is_own(found, parts[-1]):
                return self.value_of(path, ".".join(parts[:-1]))
            return self.applied(found, parts[-1], called_only=True)
        return None

    def walk(self, path: str, parts: list[str]) -> str | None:
        """Resolve ``a.b().c`` from the top of a file, up to the last name.

        Calls and subscripts behind the last name are left to `applied`.
        """
        if parts[0].startswith(PATH):
            parts = [parts[0][len(PATH) :], *parts[1:]]
        outline = self.outline(path)
        if outline.dotted and len(parts) > 1:
            for count in range(len(parts), 1, -1):
                alias = ".".join(parts[:count])
                if alias in outline.dotted:
                    place = self.find_module(path, alias)
                    return self.follow(place, parts[count:]) if place else None
        head = bare(parts[0])
        if len(parts) == 1:
            return self.symbol(path, head)
        found = self.holds(path, head)
        if found is None:
            return self.rooted(path, parts)
        found = self.applied(found, parts[0], called_only=True)
        return self.follow(found, parts[1:])

    def rooted(self, path: str, parts: list[str]) -> str | None:
        """Resolve a Rust path that nothing imported: ``crate::a::B``, ``other::f``."""
        if self.outline(path).language != "rust":
            return None
        native = self.native_path(parts)
        if native is not None:
            return native
        for count in range(len(parts), 0, -1):
            place = self.find_module(path, "::".join(parts[:count]))
            if place:
                return self.follow(place, parts[count:])
        return None

    def follow(
        self, node: str | None, parts: list[str], *, callee: bool = False
    ) -> str | None:
        """Take members of a node one after another.

        Args:
            node: Where to start.
            parts: Names with calls and subscripts; those of the last are left.
            callee: Whether the last is called, so that it must be a definition
                and not an attribute that holds some object.
        """
        for at, part in enumerate(parts):
            if node is None:
                return None
            last = at == len(parts) - 1
            owner, node = node, self._step(node, part, last=last, callee=callee)
            if node and not last:
                node = owner if self.is_own(node, part) else self.applied(node, part)
        return node

    def given(self, node: str, parts: list[str]) -> str | None:
        """Return what the last of a node's members gives, taken one after another."""
        found = self.follow(node, parts)
        if found is None:
            return None
        if self.is_own(found, parts[-1]):
            return self.given(node, parts[:-1]) if len(parts) > 1 else node
        return self.applied(found, parts[-1])

    def is_own(self, node: str, part: str) -> bool:
        """Whether a method is called that gives an object of its receiver's type."""
        path, _, qualname = node.partition("::")
        if not qualname or not part.endswith("()"):
            return False
        symbol = self.read(path, qualname.partition("#")[0])
        return symbol is not None and symbol.name in _OWN

    def _step(self, node: str, part: str, *, last: bool, callee: bool) -> str | None:
        name = bare(part)
        if name == "enumerate" and self._is_rust(node) and not (last and callee):
            return self.counted(node)
        if node.startswith(WRAPPED):
            return None if last and callee else self.taken_out(node, name)
        if node.startswith(ITEMS):
            return self.unwound(node, f"[{name}]") if name.isdigit() else None
        if node.startswith(NATIVE):
            return None if last and callee else self.native(node, part)
        if "::" not in node:
            found = self.symbol(node, name) if last else None
            return found if last and (found or callee) else self.holds(node, name)
        if TAKEN in part and self._is_rust(node):
            return self.member(node, name)
        if not self.is_type(node):
            return None
        if name == "__enter__":
            return self._entered(node)
        language = language_named(self.outline(path_of(node)).language)
        used = not (last and callee) and "()" not in part
        found = self.attribute(node, name) if used and language.fields_apart else None
        found = found or self.member(node, name)
        if found is None and not (last and (callee or "()" in part)):
            found = self.attribute(node, name)
        variant = name[:1].isupper() and "$" not in name and not (last and callee)
        if found is None and variant and language.name == "rust":
            return node  # a variant is an object of its enum
        if found is None and "()" in part and not callee:
            enum = name in _ENUM and language.family == "jvm"
            found = node if enum or name in language.transparent else None
        return found

    def _entered(self, node: str) -> str:
        """Return what ``with`` binds: by default the context manager itself."""
        return self.member(node, "__enter__") or self.member(node, "__aenter__") or node

    def applied(self, node: str, part: str, *, called_only: bool = False) -> str | None:
        """Return what a node gives under the calls and subscripts behind its name.

        Args:
            node: What the name means.
            part: The name with what follows it: ``f``, ``f()``, ``f()[1]``.
            called_only: Whether an uncalled function stays one; else it is
                taken for a property.
        """
        if node.startswith((WRAPPED, NATIVE, ITEMS)):
            return self.unwound(node, part)
        if TAKEN in part and self._is_rust(node):
            return self._closure_argument(node, part)
        _, call, rest = part.partition("()")
        rust = bool(rest) and self._is_rust(node)
        index = _ITEM.search(rest) if call and rest and not rust else None
        if index:
            return self.item(node, int(index[1]))
        found: str | None = node
        if "::" in node and (call or not (called_only or self.is_type(node))):
            found = self.result(node)
        if found is None or part[-1] not in "]}":
            return found
        if self._is_rust(found):
            return self.unwound(found, part)
        return self.element(found) if part.endswith("[]") else found

    def _is_rust(self, node: str) -> bool:
        return (
            node.startswith((WRAPPED, NATIVE, ITEMS))
            or self.outline(path_of(node)).language == "rust"
        )

    def _closure_argument(self, node: str, part: str) -> str | None:
        """Return what a function of Rust declares to call a closure with."""
        path, _, qualname = node.partition("::")
        key = qualname.partition("#")[0]
        symbol = self.read(path, key + TAKEN) if key else None
        listed = split_types(symbol.text) if symbol else []
        index = _ITEM.search(part)
        at = int(index[1]) if index else 0
        owner = key.rpartition(".")[0]
        if at >= len(listed):
            return None
        text = SELF.sub(owner.replace(".", "::"), listed[at]) if owner else listed[at]
        return self._seen_from(path, owner, text)

    def item(self, node: str, index: int) -> str | None:
        """Return the type of one item of the tuple that a function gives."""
        path, _, qualname = node.partition("::")
        symbol = self.read(path, qualname.partition("#")[0]) if qualname else None
        if symbol is None or symbol.kind != "f":
            return None
        items = tuple_items(symbol.name)
        return self.type_of(path, items[index]) if index < len(items) else None

    @tabled
    def element(self, node: str) -> str | None:
        """Return what an object holds; a type stands for its container too."""
        if node.startswith(WRAPPED):
            return node[len(WRAPPED) :] or None
        if node.startswith(ITEMS):
            return None
        if "::" not in node or not self.is_type(node):
            return node
        if self.outline(path_of(node)).language == "rust":
            item = self.member(node, "Item")
            return self.aliased(item) if item else node
        getter = self.member(node, "__getitem__") or self.member(node, "__iter__")
        return self.result(getter) if getter else node

    @tabled
    def attribute(self, node: str, name: str) -> str | None:
        """Return the type of a class's attribute or property."""
        language = language_named(self.outline(path_of(node)).language)
        for owner in self.lineage(node) or (node,):
            found = self._own(owner, name + FIELD) if language.fields_apart else None
            found = found or self._own(owner, name)
            if found is None:
                continue
            path, symbol = found
            if symbol.kind == "v":
                inside = owner.partition("::")[2].partition("#")[0]
                text = SELF.sub(inside.replace(".", "::"), symbol.text)
                known = (
                    self.typed(path, symbol)
                    if symbol.is_value
                    else self._seen_from(path, inside, text)
                )
                if known:
                    return known
                continue
            member = f"{path}::{symbol.text}"
            return self.result(member)
        return None

    @tabled
    def result(self, node: str) -> str | None:
        """Return what calling a node gives."""
        path, _, qualname = node.partition("::")
        symbol = self.read(path, qualname.partition("#")[0]) if qualname else None
        if symbol is None:
            return None
        if symbol.kind in "cm":
            return self._made(node)
        text = symbol.name.strip("\"'")
        owner = qualname.rpartition(".")[0]
        if text in _OWN:
            return self.implemented(path, owner)
        if "Self" in text and owner:
            text = SELF.sub(owner.partition("#")[0].replace(".", "::"), text)
        return self._seen_from(path, owner, text) if text else None

    def _seen_from(self, path: str, owner: str, text: str) -> str | None:
        """Return the type that a text means inside of a type: a nested one first."""
        token = TOKEN.match(text)
        language = language_named(self.outline(path).language)
        nested = language.own_members
        if "." in owner and language.name == "rust" and token and token[0] == text:
            found = self.in_modules(path, owner, text)
            if found is not None:
                return found
        if nested and token and "." not in token[0]:
            found = self.nested(f"{path}::{owner}", token[0])
            if found is not None:
                return found
        return self.type_of(path, text)
