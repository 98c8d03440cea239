"""Both APIs, with every keyword of the caller."""

from __future__ import annotations

import pytest

from openhands_tiered_router.calls.history.target import Target
from openhands_tiered_router.loopback import Wire

from .conftest import CHAT, CODEX, HELLO


@pytest.mark.parametrize("model", [CHAT, CODEX])
async def test_the_callers_api_and_its_keywords_are_kept(world, llm, model) -> None:
    used = llm(model)
    extra = {"response_format": {"type": "json_object"}, "max_completion_tokens": 50}
    used.completion(HELLO, **extra)
    await used.acompletion(HELLO, **extra)
    for request in world.provider.requests:
        body = request.body
        if request.wire is Wire.CHAT:
            assert body["response_format"] == extra["response_format"]
            assert body["max_completion_tokens"] == 50
        else:  # litellm's bridge, for models that speak nothing else
            assert body["text"]["format"] == extra["response_format"]
            assert body["max_output_tokens"] == 50


async def test_responses_are_asked_over_responses(world, llm) -> None:
    used = llm(CODEX)
    used.responses(HELLO, max_output_tokens=77, metadata={"a": "b"})
    await used.aresponses(HELLO, max_output_tokens=77, metadata={"a": "b"})
    assert [r.wire for r in world.provider.requests] == [Wire.RESPONSES] * 2
    for request in world.provider.requests:
        assert request.body["max_output_tokens"] == 77
        assert request.body["metadata"] == {"a": "b"}


@pytest.mark.parametrize("model", [CHAT, CODEX])
def test_generate_uses_the_api_of_the_model(world, llm, model: str) -> None:
    used = llm(model)
    used.generate(HELLO, seed=7) if model == CHAT else used.generate(HELLO)
    (request,) = world.provider.requests
    assert (request.wire is Wire.RESPONSES) is (model == CODEX)
    assert used.uses_responses_api() is (model == CODEX)
    assert model != CHAT or request.body["seed"] == 7


def test_a_history_is_written_for_the_api_that_carries_it(world) -> None:
    llm = world.llm(CODEX)
    assert Target.of(llm, "k").wire == "responses"
    assert Target.of(llm, "k", responses=False).wire == "chat"
