"""What every measurement says of itself: machine, load, sample and interval."""

import os
import platform
import resource
import statistics
import time
from collections.abc import Callable, Iterable


def machine() -> str:
    """Return one line on the machine and how busy it is."""
    load = os.getloadavg()[0]
    return (
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores,"
        f" Python {platform.python_version()}, load {load:.1f}"
    )


def timed[T](function: Callable[[], T]) -> tuple[float, float, T]:
    """Return (wall seconds, CPU seconds of this process, result)."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = function()
    return time.perf_counter() - wall, time.process_time() - cpu, result


def processor_seconds() -> float:
    """Return the processor seconds of this process and of those that it ended."""
    own = resource.getrusage(resource.RUSAGE_SELF)
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + ended.ru_utime + ended.ru_stime


def quantile(values: Iterable[float], share: float) -> float:
    """Return a quantile by nearest rank."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def median_interval(values: Iterable[float]) -> str:
    """Return the median and its 95 % interval by order statistics."""
    ordered = sorted(values)
    count = len(ordered)
    spread = 0.98 * count**0.5
    low = ordered[max(0, int(count / 2 - spread))]
    high = ordered[min(count - 1, int(count / 2 + spread))]
    return f"{statistics.median(ordered):.4g} [{low:.4g}, {high:.4g}]"
