"""Signals that ask for a configuration, however they come."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


STORM = """
import os, signal, sys, threading
from openhands_tiered_router.sdk.reload import live_config, reload_on_sighup

live = live_config(sys.argv[1])
reload_on_sighup()
over = []

def send():
    for _ in range(3_000):
        os.kill(os.getpid(), signal.SIGHUP)
    over.append(True)

sender = threading.Thread(target=send)
sender.start()
while not over:
    live.ask()
assert live._wait(0.0)
assert not live._wait(0.0)
print("alive")
"""


@pytest.mark.slow
def test_signals_that_interrupt_each_other_hold_nothing_up(tmp_path: Path) -> None:
    command = [sys.executable, "-c", STORM, str(tmp_path / "tiered-router.toml")]
    told = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert told.stdout == "alive\n", told.stderr
