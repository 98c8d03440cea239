"""A small shop: the workspace of the demo."""
