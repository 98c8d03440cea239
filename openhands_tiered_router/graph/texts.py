"""The texts of types and expressions, taken apart."""

import re
from typing import Final

from openhands_tiered_router.graph.expressions import PATH, TAKEN


TOKEN: Final = re.compile(r"[A-Za-z_$][\w$]*(?:(?:\.|::)[A-Za-z_$][\w$]*)*")
"""A name in the text of a type, with the names that lead to it."""
WRAPPED: Final = "[]"
"""Before a node: something that holds such objects, a ``Vec`` or an ``Option``, and
has none of their members itself (Rust)."""
NATIVE: Final = "std:"
"""Before the name of a type that is Rust's own: ``std:u8``, ``std:*`` of a pointer."""
ITEMS: Final = "("
"""Before the items of a tuple of Rust, which are nodes or empty, parted by ``;``."""
JOINT: Final = "\t"
"""Between the traits that bind one type parameter of Rust, which has all members."""
_TUPLE: Final = re.compile(r"(?:^|<)\((.*)\)", re.DOTALL)


def steps(token: str) -> list[str]:
    """Split what `TOKEN` finds into its names."""
    return token.replace("::", ".").split(".")


def bare(part: str) -> str:
    """Return a component's name without its call or subscript."""
    part = part.removeprefix(PATH)
    if "(" in part or "[" in part or "{" in part:
        part = part.partition("(")[0].partition("[")[0].partition("{")[0]
        return part.removesuffix(TAKEN)
    return part


def wrapped(node: str | None) -> str | None:
    """Return what holds objects of a type; holders of holders count as one."""
    if node is None or node.startswith(WRAPPED):
        return node
    return WRAPPED + node


def type_arguments(text: str) -> list[str]:
    """Split ``<A, B<C>>`` into its arguments, lifetimes left out."""
    if not text.startswith("<"):
        return []
    depth = 0
    for end, char in enumerate(text):
        depth += (char in "<([") - (char in ">)]")
        if not depth:
            return split_types(text[1:end])
    return split_types(text[1:])


def split_types(text: str, mark: str = ",") -> list[str]:
    """Split at the commas outside of brackets, Rust's lifetimes left out."""
    parts, depth, mark = [""], 0, mark.strip()
    for before, char in zip(" " + text, text, strict=False):
        depth += (char in "<([") - (char in ">)]" and before != "-")
        if char == mark and not depth:
            parts.append("")
        else:
            parts[-1] += char
    found = (part.strip() for part in parts)
    return [part for part in found if part and not part.startswith("'")]


def tuple_items(text: str) -> list[str]:
    """Split ``tuple[A, B[C, D]]`` or ``=a(),b`` into its items."""
    if text.startswith("="):
        return [f"={part}" for part in text[1:].split(",")]
    match = _TUPLE.search(text)
    if match:
        return type_arguments(f"<{match[1]}>")
    opened = text.find("[")
    if not text[:opened].lower().endswith("tuple"):
        return []
    items, depth = [""], 0
    for char in text[opened + 1 : -1]:
        depth += (char in "[(") - (char in ")]")
        if char == "," and not depth:
            items.append("")
        else:
            items[-1] += char
    return items
