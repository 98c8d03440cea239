"""The numerical libraries of the extra ``calibrate``, or what to do without them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class MissingExtraError(RuntimeError):
    """The extra ``calibrate`` is not installed."""


@contextmanager
def numerics() -> Iterator[None]:
    """One thread for linear algebra: these matrices are too small for more.

    Raises:
        MissingExtraError: scikit-learn is not there.
    """
    try:
        import sklearn  # noqa: F401
        from threadpoolctl import threadpool_limits
    except ImportError:
        raise MissingExtraError(
            "fitting needs scikit-learn: "
            "pip install 'openhands-tiered-router[calibrate]'"
        ) from None
    with threadpool_limits(limits=1):
        yield
