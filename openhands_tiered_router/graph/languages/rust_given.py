"""What Rust's patterns are matched against, and what a pattern takes out of it."""

import re
from collections.abc import Callable
from typing import Final, NamedTuple

from openhands_tiered_router.graph.expressions import HELD, UNKNOWN
from openhands_tiered_router.graph.texts import split_types


_ARGUMENTS: Final = re.compile(r"<(.*)>", re.DOTALL)
_TUPLE: Final = re.compile(r"\((.*)\)", re.DOTALL)


class Given(NamedTuple):
    """What a pattern is matched against: an expression, a type, or several."""

    text: str
    is_value: bool = True
    items: "tuple[Given, ...]" = ()

    def inner(self) -> "Given":
        """Return what an ``Option``, a ``Result`` or a reference to one holds."""
        if self.is_value:
            return self.each(
                lambda text: (
                    text.removesuffix(HELD) if text.endswith(HELD) else f"{text}[]"
                )
            )
        match = _ARGUMENTS.search(self.text)
        held = split_types(match[1]) if match else []
        return Given(held[0], False) if held else NOTHING

    def each(self, taken: Callable[[str], str]) -> "Given":
        """Take something out of each of the expressions that it may be."""
        if self.text == UNKNOWN:
            return self
        return Given("|".join(map(taken, self.text.split("|"))))

    def item(self, index: int) -> "Given":
        """Return one item of a tuple."""
        if self.items:
            return self.items[index] if index < len(self.items) else NOTHING
        if self.is_value:
            return self.each(lambda text: f"{text}[{index}]")
        match = _TUPLE.search(self.text)
        parts = split_types(match[1]) if match else []
        return Given(parts[index], False) if index < len(parts) else NOTHING


NOTHING: Final = Given(UNKNOWN)
