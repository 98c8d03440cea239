"""Discounts."""


def discounted(cents: int, percent: int) -> int:
    """The price after a discount, rounded half up to whole cents."""
    return (cents * (100 - percent) + 50) // 100
