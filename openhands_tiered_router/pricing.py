"""What models cost: litellm's table, and prices of your own."""

from openhands_tiered_router.policy.economics.price_book import (
    PriceBook,
    default_price_book,
)
from openhands_tiered_router.tiers import Prices


__all__ = ["PriceBook", "Prices", "default_price_book"]
