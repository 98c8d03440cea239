from __future__ import annotations

import pytest
from openhands.sdk.llm import LLM
from pydantic import SecretStr

from openhands_tiered_router.config import parse_config
from openhands_tiered_router.config.checks import Level
from openhands_tiered_router.config.live import LiveResult, call_each, findings_of
from openhands_tiered_router.loopback import LoopbackProvider, Reply
from openhands_tiered_router.loopback.faults import HttpError
from openhands_tiered_router.policy.outcome import Usage
from openhands_tiered_router.tiers import Prices


KEY = "precious"
PRICES = Prices(input=1e-3, output=2e-3, cache_read=1e-4, cache_write=1e-3)


def call(provider: LoopbackProvider) -> LiveResult:
    """One live call to gpt-4o, at the list price as far as the SDK knows."""
    llm = LLM(
        model="openai/gpt-4o",
        base_url=f"{provider.base_url}/v1",
        api_key=SecretStr(KEY),
        usage_id="simple",
    )
    started: list[str] = []
    (result,) = call_each({"simple": llm}, {"simple": PRICES}, started.append)
    assert started == [result.key] == ["simple"]
    assert llm.metrics.accumulated_cost == 0
    return result


def test_what_the_prices_come_to_stands_beside_what_is_counted(
    provider: LoopbackProvider,
) -> None:
    usage = Usage(prompt=100, completion=10, cache_read=60)
    provider.script = lambda _: Reply(text="OK", usage=usage)
    result = call(provider)
    assert result.error is None
    assert result.expected == pytest.approx(40 * 1e-3 + 60 * 1e-4 + 10 * 2e-3)
    assert result.cost == pytest.approx(40 * 2.5e-6 + 60 * 1.25e-6 + 10 * 1e-5)


def test_an_error_is_told_after_one_attempt_without_the_key(
    provider: LoopbackProvider,
) -> None:
    message = f"Incorrect API key provided: {KEY}"
    provider.faults.always(HttpError(status=401, message=message))
    result = call(provider)
    assert result.error is not None
    assert "Incorrect API key" in result.error
    assert KEY not in result.error
    assert (result.cost, result.expected) == (0, None)
    assert len(provider.requests) == 1


@pytest.mark.parametrize(
    ("cost", "expected", "error", "levels"),
    [
        (0.001, 0.001 * (1 + 1e-9), None, []),
        (0.001, None, None, []),
        (0.0, 0.0, None, []),
        (0.0, 0.001, None, [Level.WARNING]),
        (0.001, 0.0011, None, [Level.WARNING]),
        (0.0, None, "Timeout: 30 s", [Level.ERROR]),
    ],
)
def test_a_call_is_judged(
    cost: float, expected: float | None, error: str | None, levels: list[Level]
) -> None:
    config = parse_config({"tiers": {"simple": "openai/gpt-4o"}}, "x")
    result = LiveResult("simple", 1.0, cost, expected, error)
    found = list(findings_of(config, result))
    assert [finding.level for finding in found] == levels
    assert all(f.problem.path == "tiers.simple.endpoints[0]" for f in found)
