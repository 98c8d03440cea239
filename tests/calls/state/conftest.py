"""A Redis server of the tests' own, and one store of each kind."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from openhands_tiered_router.calls.state.redis import RedisStore
from openhands_tiered_router.calls.state.sqlite import SqliteStore
from openhands_tiered_router.calls.state.store import MemoryStore, StateStore
from tests.waiting import wait_until


@dataclass
class RedisServer:
    """A server on a loopback port that can be stopped and started again."""

    directory: Path
    port: int
    process: subprocess.Popen[bytes] | None = None
    persistent: bool = False
    """Whether what was acknowledged is there after a kill."""
    url: str = field(init=False)

    def __post_init__(self) -> None:
        self.url = f"redis://:geheim@127.0.0.1:{self.port}/0"

    def start(self) -> None:
        options = {
            "bind": "127.0.0.1",
            "port": str(self.port),
            "requirepass": "geheim",
            "save": "",
            "appendonly": "yes" if self.persistent else "no",
            "appendfsync": "always",
            "dir": str(self.directory),
        }
        words = [word for k, v in options.items() for word in (f"--{k}", v)]
        self.process = subprocess.Popen(
            ["redis-server", *words],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_until(self._listens)

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed (Debian: redis-server)")
    pytest.importorskip("redis", reason="redis-py is not installed ([redis] extra)")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = RedisServer(tmp_path, port)
    server.start()
    yield server
    server.stop()


@pytest.fixture(params=["memory", "sqlite", "redis"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> StateStore:
    if request.param == "memory":
        return MemoryStore()
    if request.param == "sqlite":
        return SqliteStore(tmp_path / "state.sqlite3")
    return RedisStore(request.getfixturevalue("redis_server").url)
