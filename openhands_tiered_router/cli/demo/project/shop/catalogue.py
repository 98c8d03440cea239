"""What the shop sells."""

PRICES = {"pencil": 120, "eraser": 85, "notebook": 333}
"""Price of one piece, cents."""


def price_of(name: str) -> int:
    """The price of one piece, cents; raises ``KeyError`` for what is not sold."""
    return PRICES[name]
