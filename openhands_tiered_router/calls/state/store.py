"""The one interface to shared state: an atomic change of a small value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol


type Value = Mapping[str, Any]
"""A small JSON object; never changed in place."""
type Change[T] = Callable[[Value | None], tuple[Value | None, T]]
"""From a key's value (``None``: it has none) to its next one and a result. Pure: it may
be called again when another process was faster."""


@dataclass(frozen=True, slots=True)
class Noted[T]:
    """A change that a journal can keep. Made twice, it must count once."""

    change: Change[T]
    kind: str
    """Name in ``KINDS``."""
    body: Mapping[str, Any]
    """JSON from which it can be made again."""

    def __call__(self, value: Value | None) -> tuple[Value | None, T]:
        return self.change(value)


KINDS: Final[dict[str, Callable[[Mapping[str, Any]], Change[Any]]]] = {}
"""How changes that were noted are made again; their modules register them."""


class StateStore(Protocol):
    """Values by key, safe under threads; other processes see them if it is shared.

    Raises ``StateUnavailable``, but for stores got from ``state.stores``: those go on
    in memory instead.
    """

    local: bool
    """Whether it is memory only, so that an event loop may call it directly; else a
    call goes through the ``Blocking`` step."""

    def apply[T](self, key: str, change: Change[T], *, ttl: float | None = None) -> T:
        """Replaces the value of ``key`` by what ``change`` makes of it, atomically.

        Args:
            ttl: Seconds from now after which the value is gone; ``None``: it stays.

        Returns:
            The result of the one call of ``change`` that counted.
        """
        ...

    def read(self, key: str) -> Value | None:
        """The value of ``key`` at this moment."""
        ...

    def after_fork(self) -> None:
        """Makes the copy in a forked child usable: locks and connections are not."""
        ...


class StateUnavailable(RuntimeError):
    """The store cannot be reached or used; its message says which and what to do."""
