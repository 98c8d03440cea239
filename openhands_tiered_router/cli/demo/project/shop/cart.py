"""A customer's cart."""

from .catalogue import price_of
from .pricing import discounted


class Cart:
    """Items by name, with a discount on the order."""

    def __init__(self, discount_percent: int = 0) -> None:
        self.discount_percent = discount_percent
        self.items: dict[str, int] = {}

    def add(self, name: str, count: int = 1) -> None:
        """Put pieces of an item into the cart."""
        self.items[name] = self.items.get(name, 0) + count

    def total(self) -> int:
        """What the order costs, cents."""
        return sum(
            discounted(price_of(name), self.discount_percent) * count
            for name, count in self.items.items()
        )
