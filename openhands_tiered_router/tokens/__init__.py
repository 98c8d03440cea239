"""Fewer tokens for the same knowledge: what tool results say twice is left out."""
