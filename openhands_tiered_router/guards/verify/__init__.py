"""Verified success: what finished work must pass before a conversation may end."""
