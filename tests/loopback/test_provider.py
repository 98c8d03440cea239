from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from openhands_tiered_router.loopback import (
    LoopbackProvider,
    Reply,
    Request,
    ScriptFailed,
    ToolCall,
    fingerprint,
)
from openhands_tiered_router.loopback.faults import Hang, server_error
from openhands_tiered_router.policy.outcome import Usage
from openhands_tiered_router.tiers import Prices


CLIENT = httpx.Client(timeout=60)
"""Shared, as making one takes longer than most tests here."""

PRICES = Prices(input=2e-6, output=8e-6, cache_read=0.5e-6, cache_write=2e-6)
SECRET = "sk-very-secret"


def chat(provider: LoopbackProvider, text: str = "hi", **more: Any) -> httpx.Response:
    body = {"model": "m", "messages": [{"role": "user", "content": text}], **more}
    return CLIENT.post(f"{provider.base_url}/v1/chat/completions", json=body)


def test_importing_it_imports_neither_sdk_nor_litellm_nor_networkx() -> None:
    code = (
        "import sys, openhands_tiered_router.loopback; "
        "print({'openhands', 'litellm', 'networkx'} & set(sys.modules))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "set()"


def test_it_listens_on_the_loopback_interface_only(provider: LoopbackProvider) -> None:
    assert provider.base_url.startswith("http://127.0.0.1:")


def test_every_path_is_also_served_without_v1(provider: LoopbackProvider) -> None:
    message = {"role": "user", "content": "hi"}
    bodies = {
        "chat/completions": {"messages": [message]},
        "responses": {"input": "hi"},
        "messages": {"messages": [message]},
    }
    for path, body in bodies.items():
        for prefix in ("", "/v1"):
            url = f"{provider.base_url}{prefix}/{path}"
            assert CLIENT.post(url, json={"model": "m", **body}).status_code == 200
    assert [r.number for r in provider.requests] == [1, 2, 3, 4, 5, 6]


def test_models_are_those_with_prices_or_windows() -> None:
    with LoopbackProvider(prices={"a": PRICES}, windows={"b": 10}) as provider:
        listed = CLIENT.get(f"{provider.base_url}/v1/models").json()["data"]
    assert [m["id"] for m in listed] == ["a", "b"]


def test_a_key_is_recorded_as_a_fingerprint_only(provider: LoopbackProvider) -> None:
    for headers in ({"Authorization": f"Bearer {SECRET}"}, {"X-Api-Key": SECRET}):
        url = f"{provider.base_url}/v1/responses"
        CLIENT.post(url, json={"model": "m", "input": "hi"}, headers=headers)
    first, second = provider.requests
    assert first.headers["authorization"] == fingerprint(SECRET)
    assert second.headers["x-api-key"] == fingerprint(SECRET)
    assert SECRET not in repr(provider.requests)
    assert fingerprint("other") != fingerprint(SECRET)


def test_the_session_comes_from_the_header_first(provider: LoopbackProvider) -> None:
    body = {"model": "m", "input": "hi", "prompt_cache_key": "from body"}
    for headers in ({"x-litellm-session-id": "from header"}, {}):
        CLIENT.post(f"{provider.base_url}/responses", json=body, headers=headers)
    assert [r.session for r in provider.requests] == ["from header", "from body"]


def test_usage_counts_every_character_of_the_prompt_and_the_answer() -> None:
    reply = Reply(text="x" * 9, thinking="y" * 5, tool_calls=(ToolCall("t"),))
    with LoopbackProvider(lambda _: reply) as provider:
        usage = chat(provider).json()["usage"]
        longer = chat(provider, "hi" + "z" * 400).json()["usage"]
    block = '{"content":"hi","role":"user"}'
    assert usage["prompt_tokens"] == -(-len(block) // 4)
    assert longer["prompt_tokens"] == usage["prompt_tokens"] + 100
    # 9 characters of text, 5 of thinking, and the call ["t",{}]: 3 + 2 + 2 tokens.
    assert usage["completion_tokens"] == 7
    assert usage["completion_tokens_details"]["reasoning_tokens"] == 2


def test_the_bill_follows_the_prices() -> None:
    usage = Usage(prompt=1000, completion=10, cache_read=600)
    with LoopbackProvider(
        lambda _: Reply(text="x", usage=usage), prices={"m": PRICES}
    ) as provider:
        chat(provider)
        chat(provider)
    charge = provider.charged[0]
    assert (charge.model, charge.usage, charge.complete) == ("m", usage, True)
    assert charge.usd == pytest.approx(400 * 2e-6 + 600 * 0.5e-6 + 10 * 8e-6)
    assert provider.total_usd == pytest.approx(2 * (charge.usd or 0))


def test_a_model_without_prices_has_no_total(provider: LoopbackProvider) -> None:
    chat(provider)
    assert provider.charged[0].usd is None
    with pytest.raises(ValueError, match="no prices for m"):
        _ = provider.total_usd


def test_an_error_costs_nothing() -> None:
    with LoopbackProvider(prices={"m": PRICES}) as provider:
        provider.faults.next(server_error())
        assert chat(provider).status_code == 500
        assert provider.total_usd == 0
        assert len(provider.requests) == 1


def test_a_prompt_beyond_the_window_is_refused() -> None:
    with LoopbackProvider(windows={"m": 100}) as provider:
        assert chat(provider, "x" * 200).status_code == 200
        refused = chat(provider, "x" * 400)
    assert refused.status_code == 400
    assert refused.json()["error"]["code"] == "context_length_exceeded"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"{", "could not parse the JSON body"),
        (b"\xff", "could not parse the JSON body"),
        (b"[]", "must be a JSON object"),
        (b"{}", "must provide a model parameter"),
        (b'{"model": 1}', "must provide a model parameter"),
        (b'{"model": "m", "messages": "hi"}', "array of objects"),
        (b'{"model": "m", "messages": [], "tools": [1]}', "array of objects"),
    ],
)
@pytest.mark.parametrize("path", ["chat/completions", "messages"])
def test_a_malformed_body_is_a_400(
    provider: LoopbackProvider, path: str, content: bytes, complaint: str
) -> None:
    response = CLIENT.post(f"{provider.base_url}/v1/{path}", content=content)
    assert response.status_code == 400
    assert complaint in response.json()["error"]["message"]


def test_a_script_that_raises_is_reported_twice() -> None:
    def script(request: Request) -> Reply:
        raise KeyError("oops")

    provider = LoopbackProvider(script)
    provider.start()
    response = chat(provider)
    assert response.status_code == 400
    assert "raised KeyError" in response.json()["error"]["message"]
    with pytest.raises(ScriptFailed) as caught:
        provider.__exit__(None)
    assert isinstance(caught.value.__cause__, KeyError)


def test_a_taken_port_is_an_error_and_leaves_no_thread(
    provider: LoopbackProvider,
) -> None:
    threads = threading.active_count()
    port = int(provider.base_url.rsplit(":", 1)[1])
    with pytest.raises(OSError, match="in use"):
        LoopbackProvider(port=port).start()
    assert threading.active_count() == threads


def test_stopping_ends_calls_that_hang_and_the_thread() -> None:
    threads = threading.active_count()
    with LoopbackProvider() as provider:
        provider.faults.next(Hang())
        with ThreadPoolExecutor(1) as pool:
            pending = pool.submit(chat, provider)
            while not provider.requests:
                pass
            provider.stop()
            assert isinstance(pending.exception(), httpx.TransportError)
    assert threading.active_count() == threads


def test_many_clients_at_once_are_counted_once_each(
    provider: LoopbackProvider,
) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: chat(provider, str(n)), range(64)))
    assert sorted(r.number for r in provider.requests) == list(range(1, 65))
    assert {r.messages[0].text for r in provider.requests} == set(map(str, range(64)))
    assert len(provider.charged) == 64
