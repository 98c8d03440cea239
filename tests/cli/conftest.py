"""Fixtures that the tests of commands borrow."""

from tests.resolver.conftest import project, server  # noqa: F401
