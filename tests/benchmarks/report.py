"""How long report, watch and status take on a large file.

    uv run python tests/benchmarks/synthetic.py telemetry.sqlite3 --turns 1000000
    uv run python tests/benchmarks/report.py telemetry.sqlite3

Each command runs as a process of its own, start and imports included. What is new is
judged first, and timed apart: reports find it done but for the latest conversations.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from synthetic import TURNS, fill

from openhands_tiered_router.record.report.live import live
from openhands_tiered_router.record.telemetry.judging import assess
from openhands_tiered_router.record.telemetry.query import TelemetryFile


COMMANDS = {
    "report": (["report", "--since", "2020-01-01"], 3),
    "report --details": (["report", "--since", "2020-01-01", "--details"], 1),
    "report --html": (["report", "--since", "2020-01-01", "--html", os.devnull], 1),
    "watch --once": (["watch", "--once"], 9),
    "status": (["status"], 9),
}
PROGRAM = str(Path(sys.executable).with_name("tiered-router"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=Path)
    path = parser.parse_args().path
    print(f"{platform.platform()}, {os.cpu_count()} cores, Python {sys.version[:6]}")
    print(f"{path.stat().st_size / 1e6:.0f} MB; load {os.getloadavg()[0]:.1f}")
    judged, cpu = _judge(path)
    print(f"judging {judged:,} conversations: {cpu:.1f} s processor")
    for name, (words, times) in COMMANDS.items():
        _show(name, path, words, times)
    with TemporaryDirectory() as folder:
        running = Path(folder) / "telemetry.sqlite3"
        # Two conversations, ten minutes apart; the second has just ended.
        fill(running, 2 * TURNS, since=time.time() - 1_300)
        for name in ("status", "watch --once"):
            _show(f"{name}, one runs", running, COMMANDS[name][0], 9)
    _show("report --conversation", path, ["report", "--conversation", _any(path)], 5)
    look, cpu = _look(path)
    print(f"{'watch, a look':<23} {look:.3f} s wall, {cpu:.3f} s processor")


def _show(name: str, path: Path, words: list[str], times: int) -> None:
    found = sorted(_seconds([*words, "--telemetry", str(path)], times))
    wall, cpu = found[len(found) // 2]
    shown = f"median of {times}" if times > 1 else "once"
    print(f"{name:<23} {wall:.3f} s wall, {cpu:.3f} s processor ({shown})")


def _judge(path: Path) -> tuple[int, float]:
    begun = time.process_time()
    done = assess(path, float("inf")).done
    return done, time.process_time() - begun


def _any(path: Path) -> str:
    (newest,) = TelemetryFile(path).newest(1)
    assert newest.conversation_id is not None
    return newest.conversation_id


def _seconds(words: list[str], times: int) -> list[tuple[float, float]]:
    found: list[tuple[float, float]] = []
    for _ in range(times):
        wall, cpu = time.perf_counter(), _cpu()
        subprocess.run([PROGRAM, *words], check=True, stdout=subprocess.DEVNULL)
        found.append((time.perf_counter() - wall, _cpu() - cpu))
    return found


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _look(path: Path) -> tuple[float, float]:
    """What each refresh costs, as of the file's last record."""
    (newest,) = TelemetryFile(path).newest(1)
    within = time.time() - (newest.time or 0.0) + 600
    found: list[tuple[float, float]] = []
    for _ in range(9):
        wall, cpu = time.perf_counter(), time.process_time()
        live(path, within)
        TelemetryFile(path).newest(12)
        found.append((time.perf_counter() - wall, time.process_time() - cpu))
    return sorted(found)[4]


if __name__ == "__main__":
    main()
