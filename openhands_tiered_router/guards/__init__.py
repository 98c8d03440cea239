"""Callbacks that keep a conversation from doing harm; see ``docs/guards.md``."""
