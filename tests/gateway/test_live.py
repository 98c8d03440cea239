"""A gateway that runs: its metrics, and a configuration that changes under it."""

from __future__ import annotations

import os
import signal

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.gateway.conftest import STARTING, Gateway, write_config
from tests.waiting import wait_until


# In order, on one gateway: a reload is seen by what the next test finds.
pytestmark = [pytest.mark.xdist_group("gateway-live"), STARTING]


def ask(gateway: Gateway, model: str = "complexity-router") -> httpx.Response:
    return httpx.post(
        f"{gateway.address}/v1/chat/completions",
        headers={"authorization": f"Bearer {gateway.key}"},
        json={"model": model, "messages": [{"role": "user", "content": "Hello."}]},
        timeout=120,
    )


def served(gateway: Gateway) -> str:
    return gateway.provider.requests[-1].model


def metric(gateway: Gateway, name: str) -> float:
    text = gateway.get("/metrics").text
    samples = [s for f in text_string_to_metric_families(text) for s in f.samples]
    return sum(s.value for s in samples if s.name == name)


def succeeded(gateway: Gateway) -> float:
    return metric(gateway, "tiered_router_config_last_reload_successful")


def told_of_bad_files(gateway: Gateway) -> int:
    return gateway.log.read_text().count("stays in force")


def test_a_bad_file_is_told_before_the_first_request_too(gateway: Gateway) -> None:
    good = gateway.config.read_text()
    gateway.config.write_text("[[tiers.complex.endpoints]]\nmodel = 3\n")
    gateway.process.send_signal(signal.SIGHUP)
    wait_until(lambda: told_of_bad_files(gateway) == 1)
    gateway.config.write_text(good)


def test_metrics_stand_beside_the_api_for_those_with_the_key(gateway: Gateway) -> None:
    assert ask(gateway).status_code == 200
    assert gateway.get("/metrics", key=None).status_code == 401

    def unbooked() -> float:
        cost = metric(gateway, "tiered_router_cost_usd_total")
        return abs(cost - gateway.provider.total_usd)

    # It is booked after the answer has gone out.
    wait_until(lambda: unbooked() < 1e-12)
    assert gateway.key not in gateway.get("/metrics").text


def test_sighup_has_the_configuration_read_again(gateway: Gateway) -> None:
    reasoning = "complexity-router/reasoning"
    assert ask(gateway, reasoning).status_code == 200
    assert served(gateway) == "claude-opus-4-5"
    fresh = gateway.config.with_suffix(".new")
    models = {"complex": "openai/gpt-4o", "reasoning": "openai/gpt-4o-mini"}
    os.replace(write_config(fresh, gateway.provider, models), gateway.config)
    gateway.process.send_signal(signal.SIGHUP)

    def taken_up() -> bool:
        assert ask(gateway, reasoning).status_code == 200
        return served(gateway) == "gpt-4o-mini"

    wait_until(taken_up)
    assert ask(gateway, "complexity-router/simple").status_code == 200
    assert served(gateway) == "gpt-4o"  # there is no simple tier any more
    assert succeeded(gateway) == 1


def test_a_bad_file_changes_nothing_and_is_told(gateway: Gateway) -> None:
    reasoning = "complexity-router/reasoning"
    assert ask(gateway, reasoning).status_code == 200
    model, before = served(gateway), told_of_bad_files(gateway)
    gateway.config.write_text("[[tiers.complex.endpoints]]\nmodel = 3\n")
    for _ in range(50):
        gateway.process.send_signal(signal.SIGHUP)
    wait_until(lambda: succeeded(gateway) == 0)
    assert told_of_bad_files(gateway) > before
    assert ask(gateway, reasoning).status_code == 200
    assert served(gateway) == model
