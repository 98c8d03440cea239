"""Fields that are set on the model, or on a copy of it, are what calls go out with."""

from __future__ import annotations

from pathlib import Path

import pytest
from openhands.sdk.llm import LLM, FallbackStrategy
from openhands.sdk.llm.llm_profile_store import LLMProfileStore

from openhands_tiered_router import ComplexityRouter
from openhands_tiered_router.calls.settings import DispatchSettings
from openhands_tiered_router.loopback import faults
from openhands_tiered_router.settings import RouterSettings

from .conftest import HELLO


FIELDS = {
    "seed": 11,
    "max_output_tokens": 123,
    "extra_headers": {"X-Mine": "yes"},
}


def check(request) -> None:
    assert request.body["seed"] == 11
    assert request.body["max_completion_tokens"] == 123
    assert request.headers["x-mine"] == "yes"


def test_fields_that_are_set(world, llm) -> None:
    model = llm()
    for name, value in FIELDS.items():
        setattr(model, name, value)
    model.generate(HELLO)
    check(world.provider.requests[-1])


def test_fields_of_a_copy(world, llm) -> None:
    model = llm()
    copied = model.model_copy(update=FIELDS)
    copied.generate(HELLO)
    check(world.provider.requests[-1])
    assert copied.metrics is model.metrics
    model.generate(HELLO)
    assert world.provider.requests[-1].body.get("seed") is None


@pytest.mark.parametrize("how", ["made with", "set", "copied"])
async def test_a_fallback_strategy_is_followed_and_paid_for(
    world, llm, tmp_path: Path, how: str
) -> None:
    profile = world.llm("openai/gpt-4o-mini")
    LLMProfileStore(tmp_path).save("spare", profile, include_secrets=True)
    strategy = FallbackStrategy(fallback_llms=["spare"], profile_store_dir=tmp_path)
    given = {"fallback_strategy": strategy}
    model = llm(num_retries=1, **(given if how == "made with" else {}))
    if how == "set":
        model.fallback_strategy = strategy
    elif how == "copied":
        model = model.model_copy(update=given)
    assert model.fallback_strategy is strategy
    world.provider.faults.always(faults.server_error(503), model="gpt-4o")
    model.generate(HELLO)
    await model.agenerate(HELLO)
    models = [request.model for request in world.provider.requests]
    assert models == ["gpt-4o", "gpt-4o-mini"] * 2
    assert world.provider.total_usd > 0
    assert model.metrics.accumulated_cost == pytest.approx(world.provider.total_usd)


def test_fields_given_beside_the_models(world) -> None:
    llms = {key: world.llm("openai/gpt-4o") for key in ("simple", "complex")}
    router = ComplexityRouter(llms_for_routing=llms, **FIELDS)
    for tier in llms:
        router.generate(HELLO, tier=tier)
        check(world.provider.requests[-1])
    stored = router.model_dump(mode="json", context={"expose_secrets": True})
    ComplexityRouter.model_validate(stored).generate(HELLO)
    check(world.provider.requests[-1])


def test_streaming_is_switched_on_for_every_tier(world, llm) -> None:
    model, chunks = llm().model_copy(update={"stream": True}), []
    model.generate(HELLO, on_token=chunks.append)
    assert world.provider.requests[-1].stream
    assert chunks


def test_a_model_cannot_be_set_on_a_router(world) -> None:
    router = world.router()
    with pytest.raises(ValueError, match="llms_for_routing"):
        router.model = "openai/gpt-4.1"
    with pytest.raises(ValueError, match="switch_llm"):
        router.model_copy(update={"model": "openai/gpt-4.1"})
    with pytest.raises(ValueError, match="input_cost_per_token"):
        router.input_cost_per_token = 1.0
    with pytest.raises(ValueError, match="base_url"):
        ComplexityRouter(
            llms_for_routing=router.llms_for_routing, base_url="http://elsewhere"
        )
    router.model = router.model  # what it is already
    assert router.model_copy(update={"model": router.model}).model == router.model


def test_a_usage_id_that_is_set_names_the_tiers(world) -> None:
    router = world.router()
    router.usage_id = "mine"
    ids = {llm.usage_id for llm in router.llms_for_routing.values()}
    assert ids == {f"mine:{key}" for key in world.models}
    assert {m.usage_id for m in world.agent(router).get_all_llms()} == ids | {"mine"}


def test_given_settings_leave_the_others_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-x")
    path = tmp_path / "tiered-router.toml"
    path.write_text(
        '[[tiers.complex.endpoints]]\nmodel = "openai/gpt-4o"\n'
        '[[budgets]]\nname = "b"\nusd = 2\n'
        'scope = "day"\n[dispatch]\nshort_wait = 9.0\n[graph]\nenabled = false\n'
    )
    given = RouterSettings(dispatch=DispatchSettings(attempt_timeout=7))
    router = ComplexityRouter.from_config(path, settings=given, stream=True)
    assert router.settings.dispatch.attempt_timeout == 7
    assert [b.usd for b in router.settings.budgets] == [2]
    assert not router.settings.graph.enabled
    assert all(llm.stream for llm in router.llms_for_routing.values())


def test_what_is_stored_of_a_router_is_one_working_model(world) -> None:
    router = world.router()
    router.max_output_tokens = 123
    stored = world.agent(router).model_dump(context={"expose_secrets": True})
    plain = LLM.model_validate(stored["llm"])
    plain.generate(HELLO)
    assert world.provider.requests[-1].body["max_tokens"] == 123
    assert world.provider.requests[-1].model == "claude-sonnet-4-5"


def test_a_window_that_a_tier_was_given_counts_beside_other_fields() -> None:
    llm = LLM(model="ollama/llama2", max_input_tokens=16_384)
    router = ComplexityRouter(llms_for_routing={"simple": llm}, temperature=0.3)
    assert router.max_input_tokens == 16_384
    assert router.llms_for_routing["simple"].temperature == 0.3
