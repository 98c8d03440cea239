"""Real worker processes of a small application, and a signal that may come early."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.waiting import wait_until


pytest.importorskip("uvicorn", reason='needs the extra "gateway"')

APP = """
import os, pathlib, signal
from openhands_tiered_router.gateway.workers import take_sighup

def heard(*_):
    with (pathlib.Path(__file__).parent / f"heard-{os.getpid()}").open("a") as file:
        file.write("x")

signal.signal(signal.SIGHUP, heard)
take_sighup()

async def app(scope, receive, send):
    pass
"""
MAIN = """
import uvicorn
from openhands_tiered_router.gateway.workers import Workers, hold_sighup

if __name__ == "__main__":
    hold_sighup()
    print("held", flush=True)
    config = uvicorn.Config("app:app", port=0, workers=2, lifespan="off")
    Workers(config, [config.bind_socket()], imported=[]).run()
"""


def test_every_worker_hears_a_signal_that_came_before_it_was_there(
    tmp_path: Path,
) -> None:
    (tmp_path / "app.py").write_text(APP)
    (tmp_path / "main.py").write_text(MAIN)

    def heard() -> dict[str, int]:
        found = tmp_path.glob("heard-*")
        return {file.name: len(file.read_text()) for file in found}

    process = subprocess.Popen(
        [sys.executable, str(tmp_path / "main.py")],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        process.send_signal(signal.SIGHUP)
        wait_until(lambda: list(heard().values()) == [1, 1])
        workers = set(heard())
        process.send_signal(signal.SIGHUP)
        wait_until(lambda: list(heard().values()) == [2, 2])
        assert set(heard()) == workers  # told, not started anew
        killed = workers.pop()
        os.kill(int(killed.removeprefix("heard-")), signal.SIGKILL)
        process.send_signal(signal.SIGHUP)
        # The new one begins with what is on disk; a later signal reaches it too.
        wait_until(lambda: heard()[next(iter(workers))] == 3)

        def both_hear() -> bool:
            process.send_signal(signal.SIGHUP)
            return len(heard()) == 3

        wait_until(both_hear)
        process.terminate()
        assert process.wait() == 0
    finally:
        process.kill()
        process.wait()
