"""What is particular to Rust: holders of objects, aliases, traits and macros."""

import re
from collections.abc import Iterator
from typing import Final

from openhands_tiered_router.graph.expressions import HELD, PATH
from openhands_tiered_router.graph.languages import language_named
from openhands_tiered_router.graph.model import MACRO, TRAIT
from openhands_tiered_router.graph.resolve.bindings import Bindings
from openhands_tiered_router.graph.resolve.interface import ELSEWHERE, IMPL, Symbol
from openhands_tiered_router.graph.resolve.tabled import tabled
from openhands_tiered_router.graph.texts import (
    ITEMS,
    JOINT,
    NATIVE,
    TOKEN,
    WRAPPED,
    bare,
    split_types,
    tuple_items,
    type_arguments,
    wrapped,
)


_MODULES: Final = 8
"""Modules above a file whose macros it sees."""
SELF: Final = re.compile(r"\bSelf\b")
_BORROWED: Final = re.compile(
    r"(?:&|\*const\b|\*mut\b|'\w+|mut\b|dyn\b|impl\b|for<[^>]*>|\s|\?Sized|\+)*"
)
_HOLDING: Final = frozenset({"Option", "Result"})
_POINTING: Final = (
    "Box Rc Arc AsRef AsMut Borrow BorrowMut Deref DerefMut Ref RefMut Cow Pin"
    " MutexGuard RwLockReadGuard RwLockWriteGuard ManuallyDrop LazyLock Lazy NonNull"
)
_POINTERS: Final = frozenset(_POINTING.split())
"""Types that give the members of what they point to."""
_NUMBERS: Final = "u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize f32 f64"
NATIVES: Final = {
    **{name: NATIVE + name for name in f"{_NUMBERS} bool char str".split()},
    "String": NATIVE + "str",
}
POINTER: Final = NATIVE + "*"
_ARITHMETIC: Final = ("wrapping_", "saturating_", "rem_euclid", "to_ascii", "trim")
_ALIKE: Final = frozenset(
    ["clone", "min", "max", "abs", "pow", "to_owned", "to_string", "as_str", "clamp"]
)
_GIVEN: Final = {
    **dict.fromkeys(("len", "count", "capacity"), NATIVE + "usize"),
    **dict.fromkeys(("trailing_zeros", "leading_zeros"), NATIVE + "u32"),
    **dict.fromkeys(("as_ptr", "as_mut_ptr", "add", "sub"), POINTER),
    **dict.fromkeys(("as_bytes", "bytes", "into_bytes"), f"{WRAPPED}{NATIVE}u8"),
    **dict.fromkeys(("chars", "char_indices"), f"{WRAPPED}{NATIVE}char"),
}
"""What methods of Rust's own types give, where a type of the workspace has none."""
_SPLITTING: Final = frozenset(
    f"split_{end}{mut}" for end in ("first", "last", "at") for mut in ("", "_mut")
)
"""Methods of slices that give a pair."""
_APART: Final = (WRAPPED, NATIVE, ITEMS)
_SUBSCRIPT: Final = re.compile(r"(\[(\d*)\]|\{\})")
_STANDARD: Final = "Vec VecDeque HashMap HashSet BTreeMap BTreeSet String Iterator"
FOREIGN: Final = _HOLDING | _POINTERS | frozenset(_STANDARD.split())
"""Types of the standard library that hold or point to others."""
_FUNCTIONS: Final = frozenset({"Fn", "FnMut", "FnOnce", "fn", "PhantomData"})


class RustNames(Bindings):
    """The rules of Rust, for `Names`."""

    def type_of(self, path: str, text: str) -> str | None:
        """Return what a type's text names; in `Names`."""
        raise NotImplementedError

    def symbol(self, place: str, name: str) -> str | None:
        """Return the node that a name refers to; in `Names`."""
        raise NotImplementedError

    def is_type(self, node: str) -> bool:
        """Whether a node has members of its own; in `Names`."""
        raise NotImplementedError

    def rust_type(self, path: str, text: str) -> str | None:
        """Return a type of the workspace, or that one holds it."""
        if text.startswith("*"):
            node = self.type_of(path, _BORROWED.sub("", text, count=1))
            return node if node and not node.startswith((NATIVE, WRAPPED)) else POINTER
        borrowed = _BORROWED.match(text)
        text = text[borrowed.end() :] if borrowed else text
        parts = split_types(text, "+") if " + " in text else []
        if len(parts) > 1:
            found = [self.type_of(path, part) for part in parts]
            apart = [n for n in found if n and not n.startswith(_APART)]
            return JOINT.join(dict.fromkeys(apart)) or next(filter(None, found), None)
        if text.startswith("["):
            held = text[1:].partition(";")[0].rstrip("]")
            return wrapped(self.type_of(path, held)) or WRAPPED
        if text.startswith("("):
            return self.tuple_of(path, text)
        token = TOKEN.match(text)
        if token is None:
            return None
        if token[0] in NATIVES:
            return NATIVES[token[0]]
        parts = re.split(r"::", token[0])
        arguments = type_arguments(text[token.end() :])
        if parts[-1] not in _HOLDING:
            found = self.walk(path, parts)
            if found and self._is_defined(found):
                meant = self.aliased(found)
                return meant if meant.startswith(_APART) else found
        if not arguments or parts[-1] in _FUNCTIONS:
            return None
        held = arguments[parts[-1].endswith("Map") and len(arguments) > 1]
        inner = self.type_of(path, held.rpartition("= ")[2])
        if parts[-1] in _POINTERS:
            return inner
        # of what the standard library has, even without knowing what it holds
        return wrapped(inner) or (WRAPPED if parts[-1] in FOREIGN else None)

    def counted(self, node: str) -> str | None:
        """Return an iterator with the numbers of what it gives."""
        held = self.element(node)
        return f"{WRAPPED}{ITEMS}{_GIVEN['len']};{held}" if held else None

    def _is_defined(self, node: str) -> bool:
        """Whether a node is a type, and not an ``impl`` block of one from elsewhere."""
        path, _, qualname = node.partition("::")
        symbol = self.read(path, qualname.partition("#")[0]) if qualname else None
        if symbol is None or symbol.kind not in "cm":
            return False
        # a macro may define the type that a block is of
        name = qualname.rpartition(".")[2]
        return symbol.name != IMPL or not (len(name) == 1 or name in FOREIGN)

    def tuple_of(self, path: str, text: str) -> str | None:
        """Return a tuple of types, of which at least one is known."""
        items = [self.type_of(path, part) or "" for part in tuple_items(text)]
        items = ["" if ITEMS in item else item for item in items]
        return ITEMS + ";".join(items) if any(items) else None

    def unwound(self, node: str, part: str) -> str | None:
        """Return what the subscripts behind a name take out of an object, in order."""
        found: str | None = node
        for mark, index in _SUBSCRIPT.findall(part):
            if found is None:
                return None
            if mark == HELD:
                found = wrapped(found)
            elif not index:
                found = self.element(found)
            else:
                items = found[1:].split(";") if found.startswith(ITEMS) else []
                at = int(index)
                found = (items[at] or None) if at < len(items) else None
        return found

    def element(self, node: str) -> str | None:
        """Return what an object holds; in `Names`."""
        raise NotImplementedError

    def aliased(self, node: str) -> str:
        """Return what Rust's ``type A = B;`` stands for."""
        path, _, qualname = node.partition("::")
        symbol = self.read(path, qualname)
        text = symbol.name if symbol and symbol.name not in (TRAIT, IMPL) else ""
        if "Self" in text:
            owner = qualname.rpartition(".")[0].replace(".", "::")
            text = SELF.sub(owner, text)
        return (self.type_of(path, text) if text else None) or node

    def taken_out(self, node: str, name: str) -> str | None:
        """Return what a method of a holder gives: what it holds, or a holder."""
        inner = node[len(WRAPPED) :]
        language = language_named("rust")
        if name in language.opening or name.isdigit():
            return inner or None
        if name in _SPLITTING:
            first = node if name.startswith("split_at") else inner
            return f"{WRAPPED}{ITEMS}{first};{node}"
        return node if name in language.transparent else _GIVEN.get(name)

    def native(self, node: str, part: str) -> str | None:
        """Return what a method of one of Rust's own types gives."""
        name = bare(part)
        alike = name.startswith(_ARITHMETIC) or name in _ALIKE
        return node if alike else _GIVEN.get(name)

    def native_path(self, parts: list[str]) -> str | None:
        """Return what ``u8``, ``u8::MAX`` and ``u8::from_str()`` are."""
        node = NATIVES.get(parts[0].removeprefix(PATH))
        made = len(parts) == 1 or bare(parts[1]).isupper() or "from_" in parts[1]
        return node if made and len(parts) <= 2 else None

    @tabled
    def macro(self, path: str, name: str) -> str | None:
        """Return the macro ``name!`` of a file, of a module above it or imported."""
        place: str | None = path
        for _ in range(_MODULES):
            symbol = self.read(place, name) if place else None
            if symbol is not None:
                return f"{place}::{symbol.text}"
            entry = self.read(place, name.removesuffix(MACRO)) if place else None
            if entry is not None and entry.kind == "i":
                exported = self._exported(name)
                return exported[0] if len(exported) == 1 else None
            place = self.find_module(place, "super") if place else None
        return None

    def _exported(self, name: str) -> tuple[str, ...]:
        """Return the macros of a name: exported ones belong to the crate's root."""
        self.reads.add((f"name:{name}", "rust"))
        return self.index.named("rust", name)

    def added_elsewhere(self, owner: str, name: str) -> tuple[str, Symbol] | None:
        """Return a member that an ``impl`` block in another file gives a type.

        Args:
            owner: The type.
            name: The member, or `ELSEWHERE` for such a block itself.
        """
        for found in self._elsewhere(owner, name):
            return found
        return None

    def _elsewhere(self, owner: str, name: str) -> Iterator[tuple[str, Symbol]]:
        path, _, qualname = owner.partition("::")
        kind = qualname.rpartition(".")[2]
        key = kind + name if name == ELSEWHERE else f"{kind}.{name}"
        if not kind[:1].isupper():
            return
        self.reads.add((f"impl:{key}", ""))
        for home in self.index.giving(key):
            if home != path and self.symbol(home, kind) == owner:
                symbol = self.read(home, key)
                if symbol is not None:
                    yield home, symbol

    def bases_elsewhere(self, node: str) -> list[tuple[str, str]]:
        """Return the traits that other files implement for a type, as (path, text)."""
        found = self._elsewhere(node, ELSEWHERE)
        return [(home, text) for home, symbol in found for text in symbol.bases]

    def is_trait(self, node: str) -> bool:
        """Whether a node is a Rust trait."""
        path, _, qualname = node.partition("::")
        symbol = self.read(path, qualname) if qualname else None
        return symbol is not None and (symbol.kind, symbol.name) == ("c", TRAIT)

    def implemented(self, path: str, owner: str) -> str:
        """Return the type of an ``impl`` block, which another file may define."""
        symbol = self.read(path, owner.partition("#")[0])
        if symbol is not None and (symbol.kind == "i" or symbol.name == IMPL):
            return self.symbol(path, owner.partition("#")[0]) or f"{path}::{owner}"
        return f"{path}::{owner}"
