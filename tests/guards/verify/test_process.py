"""Commands end: in time, with all that they started, and with little output."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from openhands_tiered_router.guards.verify import process


def test_the_end_of_a_flood_is_kept(tmp_path: Path) -> None:
    code = "print('x' * 50_000_000); print('the end')"
    done = process.run([sys.executable, "-c", code], tmp_path, seconds=60)
    assert done.passed
    assert len(done.output) == process.KEPT_BYTES
    assert done.output.endswith("x\nthe end\n")


def test_the_time_limit_ends_the_whole_tree(tmp_path: Path) -> None:
    started = time.monotonic()
    script = "sleep 600 & echo $!; sh -c 'sleep 600 & echo $!; wait'"
    done = process.run(["sh", "-c", script], tmp_path, seconds=0.5)
    assert done.code is None
    assert time.monotonic() - started < 60
    pids = [int(line) for line in done.output.split()]
    assert len(pids) == 2
    assert not [pid for pid in pids if runs(pid)]


def test_what_a_command_leaves_running_is_ended_too(tmp_path: Path) -> None:
    done = process.run(["sh", "-c", "sleep 600 & echo $!"], tmp_path, seconds=30)
    assert done.passed
    assert not runs(int(done.output))


def runs(pid: int) -> bool:
    """Whether a process is alive; one that nobody has buried yet is not."""
    for _ in range(6_000):
        try:
            os.kill(pid, 0)
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return False
        if state == "Z":
            return False
        time.sleep(0.01)
    return True


def test_an_interrupted_conversation_ends_its_command(tmp_path: Path) -> None:
    asked = iter([False, True])
    with pytest.raises(process.Cancelled):
        process.run(
            ["sleep", "600"], tmp_path, seconds=600, cancelled=lambda: next(asked)
        )


def test_a_command_gets_no_secrets_of_the_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SESSION_API_KEY", "secret")
    done = process.run(["env"], tmp_path, seconds=30, variables={"GIVEN": "1"})
    assert "SESSION_API_KEY" not in done.output
    assert "GIVEN=1" in done.output
