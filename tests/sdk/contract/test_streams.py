"""What is no answer is none: a stream that is cut off, a 200 with something else."""

from __future__ import annotations

import pytest
from openhands.sdk.llm import Message, TextContent

from openhands_tiered_router.loopback import Reply, faults

from .conftest import HELLO


DELTA = (
    b'data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"m",'
    b'"choices":[{"index":0,"delta":{"role":"assistant","content":"he"},'
    b'"finish_reason":null}]}\n\n'
)
SSE = "text/event-stream"
ODD = {
    "cut without a reason": faults.Body(DELTA, SSE),
    "done without a reason": faults.Body(DELTA + b"data: [DONE]\n\n", SSE),
    "an error in JSON": faults.Body(b'{"error": {"message": "No.", "code": 500}}'),
    "HTML": faults.Body(b"<html><body>Sign in</body></html>", "text/html"),
    "nothing": faults.Body(b"", SSE),
    "nothing in JSON": faults.Body(b""),
    "a cut connection": faults.CutStream(2),
}


def text(message: Message) -> str:
    return "".join(c.text for c in message.content if isinstance(c, TextContent))


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "plain"])
@pytest.mark.parametrize("name", ODD)
async def test_it_is_tried_elsewhere(world, name: str, stream: bool) -> None:
    world.provider.script = lambda _: Reply(text="Hello to you.")
    world.provider.faults.always(ODD[name], model="gpt-4o-mini")
    for call in ("sync", "async"):
        router = world.router(llm_fields={"stream": stream})
        heard = (lambda _: None) if stream else None
        if call == "sync":
            answer = router.generate(HELLO, tier="simple", on_token=heard)
        else:
            answer = await router.agenerate(HELLO, tier="simple", on_token=heard)
        assert text(answer.message) == "Hello to you."
        assert world.provider.requests[-1].model == "gpt-4o"


@pytest.mark.parametrize("model", ["openai/gpt-4o", "openai/gpt-5-codex"])
def test_whole_streams_are_answers(world, llm, model: str) -> None:
    world.provider.script = lambda _: Reply(text="Hello to you.")
    chunks: list[object] = []
    answer = llm(model, stream=True).generate(HELLO, on_token=chunks.append)
    assert text(answer.message) == "Hello to you."
    assert len(world.provider.requests) == 1
    assert chunks
