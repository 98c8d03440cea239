"""The time that one attempt may take, whatever its endpoint sends meanwhile.

A client's own timeout is for silence between two bytes: an answer that drips, or a
stream of comments that keep it alive, runs on for as long as the provider likes.
"""

from __future__ import annotations

import asyncio
import ctypes
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field


_AGAIN = 1.0
"""Seconds after which a thread that caught the interruption is interrupted again."""


class Overdue(BaseException):
    """Raised within an attempt whose time is over. Not an ``Exception``: clients turn
    those into errors of their own, or swallow them."""


@dataclass(slots=True)
class Deadline:
    """When an attempt is over: as a whole, and since its last sign of progress.

    ``whole`` and ``silence`` are seconds; ``None``: no limit.
    """

    whole: float | None
    silence: float | None = None
    _began: float = field(default_factory=time.monotonic)
    _progress: float = field(default_factory=time.monotonic)
    _moved: Callable[[], None] = lambda: None

    def progress(self) -> None:
        """Part of an answer came in."""
        self._progress = time.monotonic()
        self._moved()

    def left(self) -> float | None:
        """Seconds; ``None``: no limit."""
        now = time.monotonic()
        times = [
            began + limit - now
            for began, limit in (
                (self._began, self.whole),
                (self._progress, self.silence),
            )
            if limit is not None
        ]
        return min(times, default=None)

    def run[T](self, work: Callable[[], T]) -> T:
        """Does the work in this thread, since callbacks of it may need its locks.

        Raises:
            Overdue: It took too long.
        """
        if self.left() is None:
            return work()
        alarm = _Alarm(self)
        try:
            alarm.start()
            try:
                return work()
            finally:
                alarm.stop()
        except BaseException:
            # An interruption may have come just before it could be stopped. The next
            # one is a second away.
            alarm.stop()
            raise

    async def arun[T](self, work: Callable[[], Awaitable[T]]) -> T:
        """Async twin of ``run``; the work is cancelled."""
        left = self.left()
        if left is None:
            return await work()
        loop, timeout = asyncio.get_running_loop(), asyncio.timeout(left)

        def moved() -> None:
            left = self.left()
            if left is not None and not timeout.expired():
                timeout.reschedule(loop.time() + left)

        try:
            async with timeout:
                self._moved = moved
                return await work()
        except TimeoutError:
            if timeout.expired():
                raise Overdue from None
            raise
        finally:
            self._moved = lambda: None


class _Alarm:
    """Interrupts the thread that made it, as Ctrl-C would, when its time is over.

    What the thread is sent ends waits for more bytes, and closes the connection. It is
    sent by Python itself between two instructions, so no wait for silence ends by it:
    the client's own timeout is for that.
    """

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline
        self._thread = threading.get_ident()
        self._stopped = threading.Event()
        self._over = False
        self._ringing = False
        self._bell = threading.Thread(target=self._watch, daemon=True)

    def start(self) -> None:
        self._bell.start()

    def stop(self) -> None:
        """No interruption comes after this."""
        while True:
            try:
                self._over = True
                while self._ringing:
                    time.sleep(0)
                _send(self._thread, None)
                self._stopped.set()
                return
            except Overdue:  # it was under way
                continue

    def _watch(self) -> None:
        while not self._over:
            left = self._deadline.left()
            if left is not None and left <= 0:
                self._ring()
                left = _AGAIN
            self._stopped.wait(left)

    def _ring(self) -> None:
        # ``stop`` sets ``_over`` and waits for ``_ringing`` to end, in this order, so
        # that what is sent here is taken back, or not sent.
        self._ringing = True
        if not self._over:
            _send(self._thread, Overdue)
        self._ringing = False


def _send(thread: int, error: type[BaseException] | None) -> None:
    """``None`` takes back what was sent and has not arrived."""
    sent = ctypes.py_object(error) if error is not None else None
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), sent)
