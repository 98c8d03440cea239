"""Confirmation that lets what is safe go on; see ``docs/confirmation.md``."""
