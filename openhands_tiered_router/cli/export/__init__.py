"""The configuration in the forms that other programs read; never with a key."""
