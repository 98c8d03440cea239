"""Items of Rust inside of ``cfg_if! { if #[cfg(a)] { mod b; } else { mod c; } }``.

To the grammar a macro's body is a list of tokens. Of these macros it is items,
in braces after each condition, so that without the rest it reads like any others.
"""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final


if TYPE_CHECKING:
    from tree_sitter import Node

_NAMED: Final = (b"cfg_if!", b"cfg_select!")
_MACRO: Final = re.compile(rb"(?:\w+::)*(?:cfg_if|cfg_select)!\s*\{")
_BLANKED: Final = re.compile(rb"[^\n]")
_AROUND: Final = frozenset({"mod_item", "impl_item", "trait_item"})


def unwrap(source: bytes, root: "Node") -> bytes:
    """Return a file with the items of every branch in the place of the macro.

    Everything else of it turns into blanks, so that all positions stay. Hidden stays
    what such a macro holds inside of another, or of a function, whose branches may
    give a value.
    """
    if not any(name in source for name in _NAMED):
        return source
    shown = bytearray(source)
    for macro in _macros(source, root):
        start = macro.start_byte
        for branch in macro.named_children[-1].named_children:
            if source[branch.start_byte : branch.start_byte + 1] == b"{":
                _blank(shown, start, branch.start_byte + 1)
                start = branch.end_byte - 1
        _blank(shown, start, macro.end_byte)
    return bytes(shown)


def _macros(source: bytes, node: "Node") -> "Iterator[Node]":
    for child in node.named_children:
        if child.type == "macro_invocation":
            if _MACRO.match(source, child.start_byte):
                yield child
        elif child.type in _AROUND:
            body = child.child_by_field_name("body")
            yield from _macros(source, body) if body else ()


def _blank(shown: bytearray, start: int, end: int) -> None:
    shown[start:end] = _BLANKED.sub(b" ", shown[start:end])
