"""The world of ``tests/routed``, for attacks."""

from tests.routed.conftest import _no_hidden_fault, world


__all__ = ["_no_hidden_fault", "world"]
