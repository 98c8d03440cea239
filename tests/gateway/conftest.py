"""A gateway in a process of its own, over the loopback provider."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from openhands_tiered_router.loopback import LoopbackProvider
from openhands_tiered_router.policy.economics.price_book import default_price_book


MODELS = {
    "simple": "openai/gpt-4o-mini",
    "medium": "openai/gpt-4o",
    "complex": "anthropic/claude-sonnet-4-5",
    "reasoning": "anthropic/claude-opus-4-5",
}
KEY = "sk-gateway-0123456789"
START_SECONDS = 300
"""The proxy's imports take 8 CPU seconds, a minute on a loaded machine."""
STARTING = pytest.mark.timeout(START_SECONDS + 120)


@dataclass
class Gateway:
    """The process, and what stands behind it."""

    provider: LoopbackProvider
    address: str
    telemetry: Path
    config: Path
    process: subprocess.Popen[bytes]
    log: Path
    key: str = KEY

    def get(self, path: str, key: str | None = KEY) -> httpx.Response:
        headers = {} if key is None else {"authorization": f"Bearer {key}"}
        return httpx.get(f"{self.address}{path}", headers=headers, timeout=60)


def write_config(
    path: Path, provider: LoopbackProvider, models: dict[str, str] = MODELS
) -> Path:
    tables = (
        f'[[tiers.{tier}.endpoints]]\nmodel = "{model}"\nbase_url = "{address}"\n'
        for tier, model in models.items()
        for address in [
            provider.base_url + ("/v1" if model.startswith("openai") else "")
        ]
    )
    path.write_text("".join(tables), encoding="utf-8")
    return path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Started once a module: importing the proxy takes seconds."""
    with started(tmp_path_factory.mktemp("gateway")) as running:
        yield running


@contextmanager
def started(home: Path, *options: str, config: str = "") -> Iterator[Gateway]:
    """A gateway with further options of ``serve``, and lines of its configuration."""
    pytest.importorskip("fastapi_sso", reason='needs the extra "gateway"')
    book = default_price_book()
    listed = {m.partition("/")[2]: book.prices(m) for m in MODELS.values()}
    prices = {name: price for name, price in listed.items() if price is not None}
    with LoopbackProvider(prices=prices) as provider, (home / "log").open("w") as log:
        port = free_port()
        file = write_config(home / "tiered-router.toml", provider)
        file.write_text(config + file.read_text())
        telemetry = home / "telemetry.sqlite3"
        process = subprocess.Popen(
            [sys.executable, "-m", "openhands_tiered_router", "serve"]
            + ["--config", str(file), "--port", str(port), *options],
            env={
                **os.environ,
                "TIERED_ROUTER_GATEWAY_KEY": KEY,
                "TIERED_ROUTER_TELEMETRY": str(telemetry),
            },
            cwd=home,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        address = f"http://127.0.0.1:{port}"
        running = Gateway(provider, address, telemetry, file, process, home / "log")
        try:
            _wait(running, process, home / "log")
            yield running
        finally:
            process.terminate()
            try:
                process.wait(60)
            finally:  # what hangs fails here, and is ended all the same
                process.kill()


def _wait(gateway: Gateway, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        if process.poll() is not None:
            break
        if "Listening on" in log.read_text():
            assert gateway.get("/health/liveliness").status_code == 200
            return
        time.sleep(0.2)
    pytest.fail(f"the gateway did not start:\n{log.read_text()[-2000:]}")
