"""Real clients, the real LiteLLM proxy, a provider that meters."""

from __future__ import annotations

import json
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anthropic
import httpx
import openai
import pytest
from openhands.sdk import LLM, Agent, LocalConversation, Tool
from openhands.tools.terminal import TerminalTool
from pydantic import SecretStr

from openhands_tiered_router.gateway.call import MODEL
from openhands_tiered_router.loopback import Reply, Request, ToolCall
from openhands_tiered_router.loopback.faults import server_error
from openhands_tiered_router.loopback.scripts import by_turn, fixed
from tests.gateway.conftest import STARTING
from tests.waiting import wait_until


# One worker: each would start a gateway of its own.
pytestmark = [pytest.mark.xdist_group("gateway"), STARTING]

LIST = ToolCall("terminal", {"command": "ls"})
FUNCTION = {
    "name": "terminal",
    "description": "Runs a command.",
    "parameters": {"type": "object", "properties": {"command": {"type": "string"}}},
}
ANTHROPIC_TOOL = {
    "name": "terminal",
    "description": "Runs a command.",
    "input_schema": FUNCTION["parameters"],
}


@pytest.fixture
def chat(gateway: Any) -> openai.OpenAI:
    return openai.OpenAI(
        api_key=gateway.key, base_url=f"{gateway.address}/v1", max_retries=0
    )


@pytest.fixture
def messages(gateway: Any) -> anthropic.Anthropic:
    return anthropic.Anthropic(
        api_key=gateway.key, base_url=gateway.address, max_retries=0
    )


def session(name: str) -> dict[str, str]:
    return {"x-litellm-session-id": name}


def look_then_answer(request: Request) -> Reply:
    """Calls a tool once, then answers with the model's own name."""
    if request.tools and request.turn == 0:
        return Reply(text="I look.", tool_calls=(LIST,))
    return Reply(text=f"From {request.model}")


def test_openai_client_gets_tier_and_cost_in_the_headers(
    gateway: Any, chat: openai.OpenAI
) -> None:
    gateway.provider.script = fixed("Hello.")
    before = len(gateway.provider.charged)
    raw = chat.chat.completions.with_raw_response.create(
        model=MODEL, messages=[{"role": "user", "content": "hi"}]
    )
    assert raw.parse().choices[0].message.content == "Hello."
    # The models' success rates are known, but a greeting is no task.
    assert raw.headers["x-tiered-router-tier"] == "simple"
    charge = gateway.provider.charged[before]
    assert float(raw.headers["x-litellm-response-cost"]) == pytest.approx(charge.usd)


def test_openai_client_with_tools_after_results(
    gateway: Any, chat: openai.OpenAI
) -> None:
    gateway.provider.script = look_then_answer
    history: list[Any] = [{"role": "user", "content": "What files are here?"}]
    arguments: dict[str, Any] = {
        "model": MODEL,
        "messages": history,
        "tools": [{"type": "function", "function": FUNCTION}],
        "extra_headers": session("openai-tools"),
    }
    first = chat.chat.completions.create(**arguments).choices[0].message
    assert first.tool_calls is not None
    history.append(first.model_dump(exclude_none=True))
    call = first.tool_calls[0].id
    history.append({"role": "tool", "tool_call_id": call, "content": "a.py"})
    second = chat.chat.completions.create(**arguments).choices[0].message
    assert str(second.content).startswith("From ")


def test_openai_client_streaming(gateway: Any, chat: openai.OpenAI) -> None:
    gateway.provider.script = fixed("One two three.")
    before = len(gateway.provider.charged)
    stream = chat.chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": "hi"}],
        stream=True,
        stream_options={"include_usage": True},
    )
    text, usage = "", None
    for chunk in stream:
        usage = chunk.usage or usage
        text += (chunk.choices[0].delta.content or "") if chunk.choices else ""
    assert text == "One two three."
    charge = gateway.provider.charged[before]
    # LiteLLM's own field: headers go out before a stream's cost is known.
    assert usage is not None
    assert usage.model_extra is not None
    assert usage.model_extra["cost"] == pytest.approx(charge.usd)


def test_anthropic_client_with_tools_and_streaming(
    gateway: Any, messages: anthropic.Anthropic
) -> None:
    gateway.provider.script = look_then_answer
    history: list[Any] = [{"role": "user", "content": "What files are here?"}]
    arguments: dict[str, Any] = {
        "model": MODEL,
        "max_tokens": 100,
        "messages": history,
        "tools": [ANTHROPIC_TOOL],
        "extra_headers": session("anthropic-tools"),
    }
    first = messages.messages.create(**arguments)
    assert first.stop_reason == "tool_use"
    history.append({"role": "assistant", "content": first.content})
    use = next(block for block in first.content if block.type == "tool_use")
    result = {"type": "tool_result", "tool_use_id": use.id, "content": "a.py"}
    history.append({"role": "user", "content": [result]})
    with messages.messages.stream(**arguments) as stream:
        assert "".join(stream.text_stream).startswith("From ")


def test_cache_markers_reach_the_provider(
    gateway: Any, messages: anthropic.Anthropic
) -> None:
    gateway.provider.script = fixed("Read.")
    before = len(gateway.provider.requests)
    marked = {
        "type": "text",
        "text": "A long text. " * 600,
        "cache_control": {"type": "ephemeral"},
    }
    for _ in range(2):
        messages.messages.create(
            model=f"{MODEL}/complex",
            max_tokens=50,
            system=[marked],  # pyright: ignore[reportArgumentType]
            messages=[{"role": "user", "content": "hi"}],
        )
    sent = gateway.provider.requests[before]
    assert sent.body["system"][0]["cache_control"]["type"] == "ephemeral"
    assert gateway.provider.charged[-1].usage.cache_read > 1000


def test_responses_client_goes_on_where_its_history_is(
    gateway: Any, chat: openai.OpenAI
) -> None:
    gateway.provider.script = fixed("Noted.")
    before = len(gateway.provider.requests)
    first = chat.responses.create(model=f"{MODEL}/medium", input="Remember 7.")
    assert first.output_text == "Noted."
    chat.responses.create(
        model=MODEL, input="What was it?", previous_response_id=first.id
    )
    models = [r.model for r in gateway.provider.requests[before:]]
    assert models == ["gpt-4o", "gpt-4o"]


def test_an_openhands_conversation_through_the_gateway(
    gateway: Any, tmp_path: Any
) -> None:
    """Its books come from the response header, so they are the provider's bill."""
    gateway.provider.script = by_turn(
        [
            Reply(tool_calls=(LIST,)),
            Reply(tool_calls=(ToolCall("finish", {"message": "Done."}),)),
        ]
    )
    before = len(gateway.provider.charged)
    llm = LLM(
        model=f"openai/{MODEL}",
        base_url=f"{gateway.address}/v1",
        api_key=SecretStr(gateway.key),
        usage_id="agent",
        num_retries=1,
    )
    agent = Agent(llm=llm, tools=[Tool(name=TerminalTool.name)])
    conversation = LocalConversation(agent=agent, workspace=str(tmp_path))
    conversation.send_message("What is here?")
    conversation.run()
    conversation.close()
    bill = sum(c.usd for c in gateway.provider.charged[before:])
    spent = conversation.conversation_stats.get_combined_metrics().accumulated_cost
    assert bill > 0
    assert spent == pytest.approx(bill, rel=1e-9)
    turns = recorded(gateway, str(conversation.id))
    assert [t["purpose"] for t in turns] == ["agent", "agent"]
    assert sum(t["cost"] for t in turns) == pytest.approx(bill, rel=1e-9)


def test_claude_codes_requests_as_version_2_1_sends_them(gateway: Any) -> None:
    """Title, turns and a sub-agent share a session; what is not known goes through."""
    gateway.provider.script = look_then_answer
    session = "5f0c2a8e-1111-4222-8333-944455566677"
    headers = {
        "authorization": f"Bearer {gateway.key}",
        "anthropic-version": "2023-06-01",
        "anthropic-beta": "claude-code-20250219,not-known-2030-01-01",
        "user-agent": "claude-cli/2.1.197 (external, sdk-cli)",
        "x-app": "cli",
        "x-claude-code-session-id": session,
    }
    asked = {"role": "user", "content": [{"type": "text", "text": "Fix add."}]}
    place = "# Environment\n - Primary working directory: /srv/app\n"
    body: dict[str, Any] = {
        "model": MODEL,
        "max_tokens": 32_000,
        "system": [{"type": "text", "text": place}],
        "messages": [asked, {"role": "system", "content": "Say no more."}],
        "metadata": {"user_id": json.dumps({"session_id": session})},
        "context_management": {"edits": [{"type": "clear_thinking_20251015"}]},
        "thinking": {"type": "adaptive"},
        "output_config": {"effort": "high"},
        "stream": True,
    }

    def send(path: str = "?beta=true", **changes: Any) -> httpx.Response:
        sub = changes.pop("agent", None)
        more = {"x-claude-code-agent-id": sub} if sub else {}
        answer = httpx.post(
            f"{gateway.address}/v1/messages{path}",
            headers=headers | more,
            json=body | changes,
            timeout=120,
        )
        assert answer.status_code == 200, answer.text
        return answer

    title = send(tools=[], thinking={"type": "disabled"})
    assert title.headers["x-tiered-router-tier"] == "simple"
    for agent in (None, "a1", None, "a1"):
        assert b"message_stop" in send(tools=[ANTHROPIC_TOOL], agent=agent).content
    assert send("/count_tokens").json()["input_tokens"] > 0
    purposes = [t["purpose"] for t in recorded(gateway, session, at_least=3)]
    assert sorted(purposes) == ["agent", "agent", "side"]
    assert len(recorded(gateway, f"{session}/a1")) == 2


def test_a_failing_endpoint_is_passed_over(gateway: Any, chat: openai.OpenAI) -> None:
    gateway.provider.script = lambda request: (
        server_error(503)
        if request.model == "gpt-4o-mini"
        else Reply(text=f"From {request.model}")
    )
    answer = chat.chat.completions.create(
        model=f"{MODEL}/simple", messages=[{"role": "user", "content": "hi"}]
    )
    assert answer.choices[0].message.content == "From gpt-4o"


def test_a_failure_that_nothing_makes_good_is_told_at_once(
    gateway: Any, chat: openai.OpenAI
) -> None:
    gateway.provider.faults.next(server_error(500), model="claude-opus-4-5")
    with pytest.raises(openai.InternalServerError):
        chat.chat.completions.create(
            model=f"{MODEL}/reasoning",
            messages=[{"role": "user", "content": "hi"}],
            timeout=30,
        )


def test_sixteen_clients_at_once(gateway: Any, chat: openai.OpenAI) -> None:
    gateway.provider.script = fixed("Yes.")

    def ask(number: int) -> str | None:
        answer = chat.chat.completions.create(
            model=MODEL,
            messages=[{"role": "user", "content": f"Is {number} a number?"}],
            extra_headers=session(f"crowd-{number}"),
        )
        return answer.choices[0].message.content

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(ask, range(64))) == ["Yes."] * 64


@pytest.mark.parametrize("key", [None, "wrong"])
def test_who_has_no_key_is_turned_away(gateway: Any, key: str | None) -> None:
    assert gateway.get("/v1/models", key=key).status_code == 401


def test_models_are_listed(gateway: Any, chat: openai.OpenAI) -> None:
    names = {model.id for model in chat.models.list()}
    assert {MODEL, f"{MODEL}/simple", f"{MODEL}/reasoning"} <= names


def test_ready_and_alive_without_a_key(gateway: Any) -> None:
    assert gateway.get("/health/liveliness", key=None).status_code == 200
    assert gateway.get("/health/readiness", key=None).status_code == 200


def recorded(
    gateway: Any, conversation: str, *, at_least: int = 2
) -> list[dict[str, Any]]:
    """The conversation's decisions with their costs, once they are written."""

    def rows() -> list[dict[str, Any]]:
        with sqlite3.connect(gateway.telemetry) as database:
            database.row_factory = sqlite3.Row
            found = database.execute(
                "select d.purpose, d.cost from decisions d"
                " join conversations c on c.key = d.conversation"
                " where c.id = ? and d.answered = 1 order by d.time",
                (conversation,),
            )
            return [dict(row) for row in found]

    return wait_until(lambda: found if len(found := rows()) >= at_least else None)
