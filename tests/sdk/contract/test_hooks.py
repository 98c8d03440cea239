"""What is hung on an ``LLM`` is called, whichever model serves."""

from __future__ import annotations

from pathlib import Path

import pytest
from openhands.sdk.llm import LLMResponse
from pydantic import SecretStr

from openhands_tiered_router import ComplexityRouter
from openhands_tiered_router.loopback import Reply, Request, fingerprint
from openhands_tiered_router.loopback.faults import HttpError

from .conftest import HELLO


def keyed(good: str):
    """Refuses every key but one."""

    def script(request: Request) -> Reply | HttpError:
        sent = request.headers.get("authorization") or request.headers["x-api-key"]
        if sent.split()[-1] == fingerprint(good):
            return Reply(text="Done.")
        return HttpError(
            status=401, message="Incorrect API key provided.", code="invalid_api_key"
        )

    return script


async def test_a_refused_key_is_asked_for_anew_and_tried_once(world, llm) -> None:
    world.provider.script = keyed("sk-new")
    for call in ("sync", "async"):
        model = llm()
        model.set_api_key_refresh_hook(lambda: "sk-new")
        if call == "sync":
            answer = model.generate(HELLO)
        else:
            answer = await model.agenerate(HELLO)
        assert isinstance(answer, LLMResponse)
    models = [request.model for request in world.provider.requests]
    assert models == ["gpt-4o"] * 4


def test_the_hook_reaches_the_tiers_that_the_key_belongs_to(world) -> None:
    llms = {
        "simple": world.llm("openai/gpt-4o-mini", api_key="sk-other"),
        "medium": world.llm("openai/gpt-4o", api_key="sk-shared"),
        "complex": world.llm("openai/gpt-4.1", api_key="sk-shared"),
    }
    router = ComplexityRouter(llms_for_routing=llms)
    router.set_api_key_refresh_hook(lambda: "sk-new")
    hooked = {
        key: llm._api_key_refresh_hook is not None
        for key, llm in router.llms_for_routing.items()
    }
    assert hooked == {"simple": False, "medium": True, "complex": True}
    world.provider.script = keyed("sk-new")
    router.generate(HELLO, tier="medium")
    assert [r.model for r in world.provider.requests] == ["gpt-4o", "gpt-4o"]


def test_a_new_key_reaches_the_tiers_that_had_the_old_one(world) -> None:
    llms = {
        "simple": world.llm("openai/gpt-4o-mini", api_key="sk-other"),
        "complex": world.llm("openai/gpt-4.1", api_key="sk-shared"),
    }
    router = ComplexityRouter(llms_for_routing=llms)
    router.api_key = SecretStr("sk-new")
    for tier in llms:
        router.generate(HELLO, tier=tier)
    sent = [r.headers["authorization"].split()[-1] for r in world.provider.requests]
    assert sent == [fingerprint("sk-other"), fingerprint("sk-new")]


def test_hooks_and_callbacks_survive_a_reload(
    world, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOOPBACK_KEY", "sk-old")
    path = tmp_path / "tiered-router.toml"
    text = f"""
[[tiers.simple.endpoints]]
model = "openai/gpt-4o-mini"
base_url = "{world.provider.base_url}/v1"
api_key_env = "LOOPBACK_KEY"
[[tiers.complex.endpoints]]
model = "openai/gpt-4o"
base_url = "{world.provider.base_url}/v1"
api_key_env = "LOOPBACK_KEY"
[graph]
enabled = false
"""
    path.write_text(text)
    router, told = ComplexityRouter.from_config(path), []
    router.set_api_key_refresh_hook(lambda: "sk-new")
    router.telemetry.set_stats_update_callback(lambda: told.append("stats"))
    router.max_output_tokens = 123
    path.write_text(text.replace("gpt-4o-mini", "gpt-4.1-mini"))
    router.reload()
    world.provider.script = keyed("sk-new")
    for tier in ("simple", "complex"):
        router.generate(HELLO, tier=tier)
    models = [request.model for request in world.provider.requests]
    assert models == ["gpt-4.1-mini"] * 2 + ["gpt-4o"] * 2
    assert {_most(r.body) for r in world.provider.requests} == {123}
    assert told == ["stats", "stats"]
    called = [usage.model for usage in router.metrics.token_usages]
    assert sorted(called) == ["openai/gpt-4.1-mini", "openai/gpt-4o"]


def _most(body) -> int:
    """Tokens that the answer may have, by either API."""
    return body.get("max_output_tokens") or body["max_completion_tokens"]


def test_callbacks_of_the_telemetry_are_called(world, llm, tmp_path: Path) -> None:
    model = llm(log_completions=True, log_completions_folder=str(tmp_path))
    told, logged = [], []
    model.telemetry.set_stats_update_callback(lambda: told.append(1))
    model.telemetry.set_log_completions_callback(lambda *log: logged.append(log))
    model.generate(HELLO)
    assert told == [1]
    assert len(logged) == 1
    assert "gpt-4o" in logged[0][0]
    assert not list(tmp_path.glob("*.json"))
