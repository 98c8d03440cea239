"""A name and what it is bound to, for a part of a function."""

from typing import Final, NamedTuple


FOR_GOOD: Final = -1
"""End of what is bound as long as its definition is in sight: fields, type bounds."""


class Bound(NamedTuple):
    """A name and what it is bound to."""

    name: str
    text: str
    """A type, or an expression whose local names carry ``@`` and their place."""
    is_value: bool
    start: int
    """First byte at which the name means this."""
    end: int
    """The byte behind the last one, or `FOR_GOOD`."""
