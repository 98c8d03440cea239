"""What calls cost: list prices, and what a provider's prompt cache saves."""
