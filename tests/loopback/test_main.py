from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import httpx


COMMAND = [sys.executable, "-m", "openhands_tiered_router.loopback"]


def test_it_serves_until_interrupted(tmp_path: Path) -> None:
    path = tmp_path / "recording.json"
    path.write_text('{"turns": [], "side": "from the file"}')
    with subprocess.Popen(
        [*COMMAND, "--script", str(path)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().split()[-1]
        answer = httpx.post(
            f"{url}/responses", json={"model": "m", "input": "hi"}, timeout=60
        )
        process.send_signal(signal.SIGINT)
        try:
            rest, _ = process.communicate()
        finally:
            process.kill()
    assert answer.json()["output"][0]["content"][0]["text"] == "from the file"
    assert (process.returncode, rest) == (0, "1 requests served\n")


def test_a_missing_script_is_named() -> None:
    result = subprocess.run(
        [*COMMAND, "--script", "nowhere.json"], capture_output=True, text=True
    )
    assert result.returncode == 1
    assert "nowhere.json: cannot be read" in result.stderr
    assert "Traceback" not in result.stderr
