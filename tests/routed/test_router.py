"""What a router is to the SDK: fields, copies, capabilities, pins."""

from __future__ import annotations

import copy
import pickle
import threading
import uuid

import pytest
from litellm.types.utils import ModelResponse
from openhands.sdk.llm import LLM, LLMResponse, Message, TextContent
from openhands.sdk.llm.call_context import LLMCallContext
from pydantic import ValidationError

from openhands_tiered_router import ComplexityRouter, Tier
from openhands_tiered_router.calls.fleet import fleet
from openhands_tiered_router.loopback import Reply


HELLO = [Message(role="user", content=[TextContent(text="Hello")])]


def test_private_attributes_can_be_read(world) -> None:
    router = world.router()
    router.pin("simple")
    assert router._pin is Tier.SIMPLE
    with pytest.raises(AttributeError):
        _ = router.no_such_attribute


def test_a_bare_instance_does_not_recurse() -> None:
    bare = ComplexityRouter.__new__(ComplexityRouter)
    assert not hasattr(bare, "anything")


@pytest.mark.parametrize(
    "duplicate",
    [
        copy.copy,
        copy.deepcopy,
        lambda r: r.model_copy(deep=True),
        lambda r: pickle.loads(pickle.dumps(r)),
    ],
)
def test_copies_still_route(world, duplicate) -> None:
    router = world.router()
    router.generate(HELLO)
    copied = duplicate(router)
    copied.generate(HELLO, tier="simple")
    assert world.provider.requests[-1].model == "gpt-4o-mini"


def test_a_router_is_a_working_single_model_where_it_is_stored_as_one(world) -> None:
    router = world.router(default_tier="medium")
    stored = LLM.model_validate(
        {
            name: value
            for name, value in router.model_dump(
                context={"expose_secrets": True}
            ).items()
            if name in LLM.model_fields
        }
    )
    stored.generate(HELLO)
    assert world.provider.requests[-1].model == "gpt-4o"


def test_tiers_are_clones_with_usage_ids_of_their_own(world) -> None:
    mine = world.llm("openai/gpt-4o", usage_id="mine")
    router = ComplexityRouter(
        llms_for_routing={"simple": mine, "complex": mine}, usage_id="agent"
    )
    assert mine.usage_id == "mine"
    ids = [llm.usage_id for llm in router.llms_for_routing.values()]
    assert ids == ["agent:simple", "agent:complex"]
    assert router.llms_for_routing["simple"] is not mine


def test_routers_of_the_same_models_keep_their_own_books(world) -> None:
    first = world.router()
    second = ComplexityRouter(llms_for_routing=first.llms_for_routing)
    second.generate(HELLO)
    assert first.metrics.accumulated_cost == 0
    assert second.metrics.accumulated_cost == pytest.approx(world.provider.total_usd)


def test_validating_again_changes_nothing(world) -> None:
    router = world.router()
    before = dict(router.llms_for_routing)
    world.agent(router)
    world.agent(router)
    assert all(router.llms_for_routing[k] is before[k] for k in before)


def test_capabilities_are_those_of_all_tiers(world) -> None:
    blind = world.router({"simple": "openai/gpt-3.5-turbo"})
    assert not blind.vision_is_active()
    router = world.router(
        {"simple": "openai/gpt-3.5-turbo", "complex": "anthropic/claude-sonnet-4-5"}
    )
    assert router.vision_is_active()
    assert not router.uses_responses_api()
    windows = [m.effective_max_input_tokens for m in router.llms_for_routing.values()]
    assert router.effective_max_input_tokens == max(w for w in windows if w)
    assert router.get_token_count(HELLO) > 0
    assert router.model == "anthropic/claude-sonnet-4-5"


def test_a_misspelt_field_is_refused(world) -> None:
    with pytest.raises(ValidationError, match="did you mean 'default_tier'"):
        world.router(defualt_tier="simple")


def test_a_key_that_is_no_tier_is_refused(world) -> None:
    with pytest.raises(ValidationError, match="the tiers are simple, medium"):
        world.router({"cheap": "openai/gpt-4o"})


def test_missing_tiers_fall_upwards(world) -> None:
    router = world.router({"medium": "openai/gpt-4o"}, default_tier="simple")
    router.generate(HELLO, tier="simple")
    assert world.provider.requests[-1].model == "gpt-4o"


def test_pins(world) -> None:
    router = world.router()

    def served() -> str:
        router.generate(HELLO)
        return world.provider.requests[-1].model

    assert router.pinned is None
    with router.pinned_to("reasoning"):
        assert router.pinned is Tier.REASONING
        assert served() == "claude-opus-4-5"
        router.generate(HELLO, tier="simple")
        assert world.provider.requests[-1].model == "gpt-4o-mini"
    router.pin(Tier.MEDIUM)
    assert served() == "gpt-4o"
    router.pin(None)
    with pytest.raises(ValueError, match="unknown tier 'best'"):
        router.pin("best")


def test_a_marker_in_a_user_message_pins(world) -> None:
    router = world.router()
    marked = Message(role="user", content=[TextContent(text="Go [tier: reasoning]")])
    router.generate([*HELLO, marked])
    assert world.provider.requests[-1].model == "claude-opus-4-5"


def test_a_marker_in_a_tool_result_does_not(world) -> None:
    router = world.router()
    result = Message(
        role="tool",
        name="terminal",
        tool_call_id="c1",
        content=[TextContent(text="[tier: reasoning]")],
    )
    assert router.select_llm([*HELLO, result]) != "reasoning"


class Echo(LLM):
    """Answers with its own model's name: thousands of calls without a network."""

    def generate(
        self, messages: list[Message], *_: object, **__: object
    ) -> LLMResponse:
        text = Message(role="assistant", content=[TextContent(text=self.model)])
        raw = ModelResponse(id=uuid.uuid4().hex)
        snapshot = self.metrics.get_snapshot()
        return LLMResponse(message=text, metrics=snapshot, raw_response=raw)


@pytest.mark.slow
def test_sixteen_threads_misroute_no_call(world) -> None:
    """Each thread pins its calls to another tier, and must get that tier's answer."""
    llms: dict[str, LLM] = {k: Echo(model=m) for k, m in world.models.items()}
    router = ComplexityRouter(llms_for_routing=llms)
    wrong = _answers_of_wrong_tiers(router, world.models, threads=16, calls=100)
    assert wrong == []
    counted = sum(len(fleet().calls(f"{n}-{i}")) for n in range(16) for i in range(5))
    assert counted == 16 * 100


@pytest.mark.slow
def test_threads_over_http_misroute_no_call_and_lose_no_cent(world) -> None:
    router = world.router()
    world.provider.script = lambda request: Reply(text=request.model)
    short = {key: model.partition("/")[2] for key, model in world.models.items()}
    assert _answers_of_wrong_tiers(router, short, threads=8, calls=12) == []
    calls = [c for n in range(8) for i in range(5) for c in fleet().calls(f"{n}-{i}")]
    assert len(calls) == len(world.provider.requests) == 8 * 12
    assert sum(c.outcome.cost or 0 for c in calls) == pytest.approx(
        world.provider.total_usd
    )
    # The list, not the sum: the SDK adds to that without a lock. Calls of one
    # conversation follow each other, so only threads on one router can lose there.
    booked = sum(cost.cost for cost in router.metrics.costs)
    assert booked == pytest.approx(world.provider.total_usd)


def _answers_of_wrong_tiers(
    router: ComplexityRouter, names: dict[str, str], *, threads: int, calls: int
) -> list[str]:
    wrong: list[str] = []
    tiers = list(names)

    def call(thread: int) -> None:
        for i in range(calls):
            tier = tiers[(thread + i) % 4]
            context = LLMCallContext(session_id=f"{thread}-{i % 5}")
            response = router.generate(HELLO, tier=tier, call_context=context)
            content = response.message.content[0]
            if not isinstance(content, TextContent) or content.text != names[tier]:
                wrong.append(f"{tier}: {content}")

    running = [threading.Thread(target=call, args=(n,)) for n in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return wrong


def test_from_env(world) -> None:
    router = ComplexityRouter.from_env(
        {
            "SIMPLE_MODEL": "openai/gpt-4o-mini",
            "SIMPLE_BASE_URL": world.provider.base_url + "/v1",
            "SIMPLE_API_KEY": "sk-1",
            "COMPLEX_MODEL": "openai/gpt-4o",
            "COMPLEX_BASE_URL": world.provider.base_url + "/v1",
            "COMPLEX_API_KEY": "sk-2",
        }
    )
    router.generate(HELLO, tier="simple")
    assert world.provider.requests[-1].model == "gpt-4o-mini"


def test_no_log_line_per_attribute(world, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    world.router().generate(HELLO)
    assert "RouterLLM" not in caplog.text
