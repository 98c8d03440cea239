"""What a provider may send or do, and that calls end well or soon."""

from __future__ import annotations

import asyncio
import logging
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from openhands.sdk.llm import Message, TextContent
from openhands.sdk.llm.exceptions import LLMError

from openhands_tiered_router import ComplexityRouter
from openhands_tiered_router.calls import answer_size
from openhands_tiered_router.calls.steps import Send
from openhands_tiered_router.calls.watch import CallFacts
from openhands_tiered_router.loopback import faults
from openhands_tiered_router.settings import RouterSettings
from openhands_tiered_router.tiers import Limits
from tests.calls.bench import Bench, well
from tests.routed.conftest import World


HELLO = [Message(role="user", content=[TextContent(text="Hello.")])]
FLOODS = {
    "JSON": faults.Drip(b'{"a": [' + b"1," * 50_000, seconds=0.0),
    "one line of a stream": faults.Drip(
        b"data: " + b"x" * 100_000, "text/event-stream", seconds=0.0
    ),
    "comments": faults.Drip(
        b": " + b"x" * 100_000 + b"\n\n", "text/event-stream", seconds=0.0
    ),
}


@pytest.mark.parametrize("model", ["openai/gpt-4o-mini", "anthropic/claude-haiku-4-5"])
@pytest.mark.parametrize("stream", [True, False], ids=["stream", "plain"])
@pytest.mark.parametrize("flood", FLOODS)
@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
async def test_8_no_answer_fills_the_memory(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    flood: str,
    is_async: bool,
    stream: bool,
    model: str,
) -> None:
    """The bound is met long before the time of an attempt, which is 60 s here."""
    monkeypatch.setattr(answer_size, "MAX_BYTES", 2**20)
    world.provider.faults.always(FLOODS[flood], model=model.partition("/")[2])
    models = {"simple": model, "complex": "openai/gpt-4o"}
    patient = world.quick.model_copy(update={"attempt_timeout": 60})
    router = world.router(
        models,
        settings=RouterSettings(dispatch=patient),
        llm_fields={"stream": stream},
    )
    heard = (lambda _: None) if stream else None
    with caplog.at_level(logging.WARNING):
        if is_async:
            await router.agenerate(HELLO, tier="simple", on_token=heard)
        else:
            router.generate(HELLO, tier="simple", on_token=heard)
    assert world.provider.requests[-1].model == "gpt-4o"
    assert "more than 1,048,576 bytes was cut off" in caplog.text


@pytest.mark.slow
async def test_8_no_event_loop_is_held_up_by_what_is_parsed(world: World) -> None:
    """Short lines that are all there already: a parser never waits for them."""
    flood = faults.Drip(b": x\n\n" * 20_000, "text/event-stream", seconds=0.0)
    world.provider.faults.always(flood, model="claude-haiku-4-5")
    brief = world.quick.model_copy(update={"attempt_timeout": 3})
    router = world.router(
        {"simple": "anthropic/claude-haiku-4-5", "complex": "openai/gpt-4o"},
        settings=RouterSettings(dispatch=brief),
        llm_fields={"stream": True},
    )
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.01)
            ticks += 1

    ticking = asyncio.create_task(tick())
    began = time.monotonic()
    await router.agenerate(HELLO, tier="simple", on_token=lambda _: None)
    assert time.monotonic() - began < 40  # 3 s on an idle machine
    assert ticks >= 5
    ticking.cancel()


@pytest.mark.parametrize(("answer", "sent"), [(0, 2), (60, 1)])
def test_20_the_answer_is_part_of_what_is_kept_free(answer: int, sent: int) -> None:
    """Two prompts of 90 fit into 200 tokens a minute, their answers do not."""
    bench = Bench({"simple": well}, limits={"simple": Limits(tpm=200)})
    facts = CallFacts(prompt_tokens=90, answer_tokens=answer)
    first = [next(bench.failover(facts).run()) for _ in range(2)]
    assert sum(isinstance(step, Send) for step in first) == sent


@pytest.fixture
def impostor(tmp_path: Path) -> Iterator[str]:
    """The address of a server whose certificate nobody vouches for."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl, which makes the certificate, is not installed")
    made = "req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=other -keyout k -out c"
    subprocess.run(
        ["openssl", *made.split()], cwd=tmp_path, check=True, capture_output=True
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "c", tmp_path / "k")
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listening.accept()
                with suppress(OSError):
                    context.wrap_socket(connection, server_side=True).close()

    threading.Thread(target=serve, daemon=True).start()
    yield f"https://localhost:{listening.getsockname()[1]}/v1"
    listening.close()


async def test_24_a_wrong_certificate_is_told_soon(world: World, impostor: str) -> None:
    llm = world.llm("openai/gpt-4o-mini", base_url=impostor)
    router = ComplexityRouter(llms_for_routing={"simple": llm})
    began = time.monotonic()
    with pytest.raises(LLMError):
        router.generate(HELLO)
    sync = time.monotonic() - began
    with pytest.raises(LLMError):
        await router.agenerate(HELLO)
    print(f"told after {sync:.1f} s")
    assert time.monotonic() - began < 40  # 5 s each on an idle machine
