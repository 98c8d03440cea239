"""Deciding which tier serves a call. Pure: no I/O, no clock, no SDK import."""
