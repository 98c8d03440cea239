"""What a call in progress asks its driver to do. No I/O: sync and async share it.

A call is a generator of steps. Its driver, ``ComplexityRouter``'s sync or async half,
carries each out in its own way and sends back what came of it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

from openhands.sdk.llm import LLMResponse


@dataclass(frozen=True, slots=True)
class Send:
    """Call that endpoint; the reply is its answer or its exception."""

    endpoint: str
    after: Exception | None = None
    """A rejection by the same endpoint that the history must be repaired for."""
    timeout: float | None = None
    """Seconds of silence after which it is given up; ``None``: the endpoint's own."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait so many seconds; the reply is ``None``."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Blocking:
    """Do work that waits for a disk or a network, off the event loop if there is one.

    The reply is what it returned, or its exception. Yield it through ``blocking``.
    A cancelled call does not wait for it: the work itself ends by its own time limit.
    """

    work: Callable[[], object]


type Step = Send | Pause | Blocking
type Reply = Any
"""What a step's own docstring says."""
type Steps = Generator[Step, Reply, LLMResponse]


def blocking[T](work: Callable[[], T]) -> Generator[Step, Reply, T]:
    """``result = yield from blocking(work)``, inside a generator of steps.

    Raises:
        Exception: What the work raised.
    """
    reply = yield Blocking(work)
    if isinstance(reply, Exception):
        raise reply
    return reply
