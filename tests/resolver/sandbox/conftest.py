"""A machine with Docker, as far as the command ``docker`` shows it."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest


class Docker:
    """What the stand-in was asked for, and what it has."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def breaks(self, part: str, content: str = "") -> None:
        (self.home / "broken" / part).write_text(content)

    def calls(self, name: str = "") -> list[list[str]]:
        path = self.home / "calls.jsonl"
        lines = path.read_text().splitlines() if path.exists() else []
        found = [json.loads(line) for line in lines]
        return [words for words in found if not name or words[0] == name]

    def names(self, kind: str) -> list[str]:
        """Of its ``images``, ``containers`` or ``volumes``."""
        place = self.home / kind
        return sorted(p.name for p in place.iterdir()) if place.exists() else []


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Docker]:
    home = tmp_path / "docker"
    for name in ("bin", "broken", "removed"):
        (home / name).mkdir(parents=True)
    program = Path(__file__).with_name("fake_docker.py")
    command = home / "bin" / "docker"
    command.write_text(f"#!/bin/sh\nexec '{sys.executable}' -S '{program}' \"$@\"\n")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{home / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("FAKE_DOCKER", str(home))
    yield Docker(home)
    for pid in home.glob("containers/*/pid"):
        with suppress(ProcessLookupError):
            os.killpg(int(pid.read_text()), signal.SIGKILL)
