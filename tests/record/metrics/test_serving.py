"""Metrics and health over HTTP."""

from __future__ import annotations

import socket
import sys
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from openhands_tiered_router import serve_metrics
from openhands_tiered_router.record.metrics.exposition import Exposition
from openhands_tiered_router.record.metrics.serving import MetricsError
from openhands_tiered_router.record.metrics.settings import MetricsSettings
from openhands_tiered_router.settings import RouterSettings
from tests.waiting import wait_until


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_metrics_and_health_are_served_on_loopback(shown: Exposition) -> None:
    server = serve_metrics()
    try:
        assert server.address.startswith("http://127.0.0.1:")
        with httpx.Client(base_url=server.address, timeout=60) as client:
            assert "tiered_router_build_info" in client.get("/metrics").text
            assert client.get("/health/live").text == "alive\n"
            assert client.get("/health/ready").status_code == 200
            assert client.get("/else").status_code == 404
            assert client.post("/metrics").status_code == 405
    finally:
        server.close()


def test_many_scrapes_at_once(shown: Exposition) -> None:
    server = serve_metrics()
    try:
        with httpx.Client(timeout=60) as client, ThreadPoolExecutor(16) as pool:
            urls = [f"{server.address}/metrics"] * 32
            found = list(pool.map(lambda url: client.get(url).status_code, urls))
        assert found == [200] * 32
    finally:
        server.close()


def test_a_port_that_is_taken_is_told(shown: Exposition) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(MetricsError, match=f":{port}: Address already in use"):
            serve_metrics(port)


def test_the_missing_extra_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        sys.modules, "openhands_tiered_router.record.metrics.exposition", None
    )
    with pytest.raises(MetricsError, match=r"openhands-tiered-router\[metrics\]"):
        serve_metrics()


def test_a_configured_port_serves_what_the_router_does(
    world, shown: Exposition, caplog: pytest.LogCaptureFixture
) -> None:
    port = free_port()
    settings = RouterSettings(metrics=MetricsSettings(port=port))
    for _ in range(2):  # the second finds it served
        router = world.router(settings=settings)
        conversation = world.conversation(world.agent(router))
        conversation.send_message("Look around.")
        conversation.run()
    text = _fetched(f"http://127.0.0.1:{port}/metrics")
    assert 'tiered_router_calls_total{endpoint="complex"' in text
    assert "cannot be served" not in caplog.text


def _fetched(url: str) -> str:
    def fetched() -> str:
        try:
            return httpx.get(url, timeout=60).text
        except httpx.ConnectError:
            return ""

    return wait_until(fetched)
