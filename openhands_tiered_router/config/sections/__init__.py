"""Sections of the configuration, one module each."""
