"""The SDK's own LLM, through litellm, takes the provider for the real thing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import litellm
import pytest
from litellm.exceptions import APIError, BadGatewayError, NotFoundError
from openhands.sdk import LLM, Message, TextContent
from openhands.sdk.llm import LLMResponse, MessageToolCall
from openhands.sdk.llm.exceptions import (
    LLMAuthenticationError,
    LLMBadRequestError,
    LLMContextWindowExceedError,
    LLMMalformedConversationHistoryError,
    LLMNoResponseError,
    LLMRateLimitError,
    LLMServiceUnavailableError,
    LLMTimeoutError,
)
from openhands.sdk.tool import Action, Observation, ToolDefinition
from pydantic import Field, SecretStr

from openhands_tiered_router.loopback import LoopbackProvider, Reply, ToolCall, Wire
from openhands_tiered_router.loopback.faults import (
    ContextTooLong,
    CutStream,
    EmptyAnswer,
    Fault,
    Hang,
    Overloaded,
    QuotaExhausted,
    ResetConnection,
    SlowFirstByte,
    bad_request,
    rate_limited,
    refused,
    server_error,
)
from openhands_tiered_router.tiers import Prices


MODELS = {
    Wire.CHAT: "openai/loop-chat",
    Wire.RESPONSES: "openai/gpt-5.2-codex-loop",
    Wire.MESSAGES: "anthropic/claude-sonnet-4-5-loop",
}
PRICES = {
    Wire.CHAT: Prices(input=2e-6, output=8e-6, cache_read=5e-7, cache_write=2e-6),
    Wire.RESPONSES: Prices(
        input=1.75e-6, output=14e-6, cache_read=1.75e-7, cache_write=1.75e-6
    ),
    Wire.MESSAGES: Prices(
        input=3e-6,
        output=15e-6,
        cache_read=3e-7,
        cache_write=3.75e-6,
        cache_write_1h=6e-6,
    ),
}
REPLY = Reply(
    text="I will look.",
    thinking="Which file?",
    tool_calls=(ToolCall("look", {"path": "a" * 50}),),
)
wires = pytest.mark.parametrize("wire", list(Wire))
streams = pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])


class LookAction(Action):
    path: str = Field(description="What to look at.")


class LookTool(ToolDefinition[LookAction, Observation]):
    @classmethod
    def create(cls, *_: Any, **__: Any) -> list[LookTool]:
        return [cls(description="Look at a file.", action_type=LookAction)]


@pytest.fixture(scope="module", autouse=True)
def _registered_prices() -> None:
    for wire, model in MODELS.items():
        prices = PRICES[wire]
        provider, _, name = model.partition("/")
        entry = {
            "litellm_provider": provider,
            "mode": "responses" if wire is Wire.RESPONSES else "chat",
            "input_cost_per_token": prices.input,
            "output_cost_per_token": prices.output,
            "cache_read_input_token_cost": prices.cache_read,
            "cache_creation_input_token_cost": prices.cache_write,
            "cache_creation_input_token_cost_above_1hr": prices.cache_write_1h,
            "max_input_tokens": 200_000,
            "max_output_tokens": 8_000,
        }
        litellm.register_model({name: entry, model: entry})


@pytest.fixture
def priced() -> Iterator[LoopbackProvider]:
    prices = {m.partition("/")[2]: PRICES[w] for w, m in MODELS.items()}
    with LoopbackProvider(lambda _: REPLY, prices=prices) as provider:
        yield provider


def llm(provider: LoopbackProvider, wire: Wire, **more: Any) -> LLM:
    return LLM(
        model=MODELS[wire],
        base_url=provider.base_url,
        api_key=SecretStr("sk-loopback"),
        usage_id="loopback",
        num_retries=1,
        **{"timeout": 20, **more},
    )


def say(role: Any, text: str, **more: Any) -> Message:
    return Message(role=role, content=[TextContent(text=text)], **more)


START = [say("system", "You are careful. " * 400), say("user", "Fix it.")]


def ask(model: LLM, history: list[Message]) -> LLMResponse:
    on_token = (lambda _: None) if model.stream else None
    return model.generate(history, tools=LookTool.create(), on_token=on_token)


def look_again(answer: LLMResponse, number: int) -> list[Message]:
    """The answer, with the results that its tool calls demand."""
    calls: list[MessageToolCall] = answer.message.tool_calls or []
    results = [
        say("tool", f"result {number} " * 100, name=c.name, tool_call_id=c.id)
        for c in calls
    ]
    return [answer.message, *results]


@wires
@streams
def test_a_tool_loop_is_accepted_and_booked_as_it_was_charged(
    priced: LoopbackProvider, wire: Wire, stream: bool
) -> None:
    model = llm(priced, wire, stream=stream)
    history = list(START)
    for number in range(4):
        answer = ask(model, history)
        assert [c.name for c in answer.message.tool_calls or []] == ["look"]
        history += look_again(answer, number)
    assert {(r.wire, r.stream) for r in priced.requests} == {(wire, stream)}
    assert [r.turn for r in priced.requests] == [0, 1, 2, 3]
    booked = model.metrics.token_usages
    for charge, usage in zip(priced.charged, booked, strict=True):
        assert usage.prompt_tokens == charge.usage.prompt
        assert usage.completion_tokens == charge.usage.completion
        assert usage.cache_read_tokens == charge.usage.cache_read
        assert usage.cache_write_tokens == charge.usage.cache_write
    assert booked[-1].cache_read_tokens > 1024
    assert model.metrics.accumulated_cost == pytest.approx(priced.total_usd, rel=1e-9)


@wires
async def test_an_asynchronous_call_is_the_same(
    priced: LoopbackProvider, wire: Wire
) -> None:
    model = llm(priced, wire)
    answer = await model.agenerate(START, tools=LookTool.create())
    assert answer.message.tool_calls
    assert model.metrics.accumulated_cost == pytest.approx(priced.total_usd, rel=1e-9)


def test_what_is_cached_for_an_hour_costs_the_same_on_both_sides(
    priced: LoopbackProvider,
) -> None:
    """Through litellm alone: the SDK sets no lifetimes."""
    hour = {"type": "ephemeral", "ttl": "1h"}
    system = {"type": "text", "text": "Be careful. " * 500, "cache_control": hour}
    for _ in range(2):
        answer = litellm.completion(
            model=MODELS[Wire.MESSAGES],
            base_url=priced.base_url,
            api_key="sk-loopback",
            messages=[
                {"role": "system", "content": [system]},
                {"role": "user", "content": "Fix it."},
            ],
        )
        cost = litellm.completion_cost(answer, model=MODELS[Wire.MESSAGES])
        assert cost == pytest.approx(priced.charged[-1].usd, rel=1e-9)
    written, read = (c.usage for c in priced.charged)
    assert written.cache_write == read.cache_read > 1024


@wires
def test_a_session_id_reaches_the_provider(
    provider: LoopbackProvider, wire: Wire
) -> None:
    from openhands.sdk.llm.call_context import LLMCallContext

    llm(provider, wire).generate(
        START, call_context=LLMCallContext(session_id="conversation-1")
    )
    assert provider.requests[0].session == "conversation-1"


UNAVAILABLE = LLMServiceUnavailableError
FAULTS: list[tuple[Fault, type[Exception]]] = [
    (rate_limited(), LLMRateLimitError),
    (refused(401), LLMAuthenticationError),
    (refused(404), NotFoundError),
    (bad_request("Invalid value."), LLMBadRequestError),
    (server_error(), UNAVAILABLE),
    (server_error(502), BadGatewayError),
    (server_error(503), UNAVAILABLE),
    (Overloaded(), UNAVAILABLE),
    (ContextTooLong(), LLMContextWindowExceedError),
    (ResetConnection(), UNAVAILABLE),
]


@wires
@streams
@pytest.mark.parametrize(("fault", "error"), FAULTS)
def test_a_fault_is_the_error_that_the_sdk_makes_of_it(
    provider: LoopbackProvider,
    wire: Wire,
    stream: bool,
    fault: Fault,
    error: type[Exception],
) -> None:
    provider.faults.next(fault)
    model = llm(provider, wire, stream=stream)
    with pytest.raises(error) as caught:
        ask(model, START)
    assert type(caught.value) is error
    assert len(provider.requests) == 1
    assert model.metrics.accumulated_cost == 0


@wires
@pytest.mark.parametrize("status", [403, 413])
def test_a_status_that_only_anthropic_names(
    provider: LoopbackProvider, wire: Wire, status: int
) -> None:
    """litellm has no class of OpenAI's 403 and 413, so the SDK maps neither."""
    named = LLMAuthenticationError if status == 403 else LLMBadRequestError
    error = named if wire is Wire.MESSAGES else APIError
    provider.faults.next(refused(status))
    with pytest.raises(error) as caught:
        ask(llm(provider, wire), START)
    assert type(caught.value) is error


@wires
def test_out_of_credit(provider: LoopbackProvider, wire: Wire) -> None:
    provider.faults.next(QuotaExhausted())
    error = LLMBadRequestError if wire is Wire.MESSAGES else LLMRateLimitError
    with pytest.raises(error):
        ask(llm(provider, wire), START)


@wires
def test_hanging_is_a_timeout(provider: LoopbackProvider, wire: Wire) -> None:
    provider.faults.next(Hang())
    with pytest.raises(LLMTimeoutError):
        ask(llm(provider, wire, timeout=1), START)


@wires
@streams
def test_a_broken_answer_is_an_error(
    priced: LoopbackProvider, wire: Wire, stream: bool
) -> None:
    """Its class differs by wire, so only what all have in common is checked."""
    priced.faults.next(CutStream())
    model = llm(priced, wire, stream=stream)
    with pytest.raises(Exception) as caught:  # noqa: PT011, B017
        ask(model, START)
    assert type(caught.value).__module__.split(".")[0] in {
        "openhands",
        "litellm",
        "httpx",
    }
    assert [c.complete for c in priced.charged] == [False]


def test_no_choices_are_no_response(provider: LoopbackProvider) -> None:
    provider.faults.next(EmptyAnswer())
    with pytest.raises(LLMNoResponseError):
        ask(llm(provider, Wire.CHAT), START)


@pytest.mark.parametrize(
    ("wire", "stream"),
    [
        (Wire.CHAT, True),
        (Wire.RESPONSES, False),
        (Wire.RESPONSES, True),
        (Wire.MESSAGES, False),
        (Wire.MESSAGES, True),
    ],
)
def test_any_other_empty_answer_passes_for_an_answer(
    provider: LoopbackProvider, wire: Wire, stream: bool
) -> None:
    provider.faults.next(EmptyAnswer())
    message = ask(llm(provider, wire, stream=stream), START).message
    assert not message.tool_calls
    assert not "".join(getattr(c, "text", "") for c in message.content)


@wires
@streams
def test_a_slow_first_byte_is_only_slow(
    provider: LoopbackProvider, wire: Wire, stream: bool
) -> None:
    provider.faults.next(SlowFirstByte(0.2))
    answer = ask(llm(provider, wire, stream=stream), START)
    assert answer.message.content


def test_an_unanswered_call_is_a_malformed_history(provider: LoopbackProvider) -> None:
    """Only on chat completions: for Anthropic, litellm makes up the missing result."""
    model = llm(provider, Wire.CHAT)
    provider.script = lambda _: REPLY
    history = [*START, ask(model, START).message, say("user", "And?")]
    with pytest.raises(LLMMalformedConversationHistoryError):
        ask(model, history)
