"""MCP tools that are held back: a set that never changes, and a pair that finds."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import mcp.types
import pytest
from openhands.sdk import LocalConversation
from openhands.sdk.event import ObservationEvent
from openhands.sdk.mcp.definition import MCPToolAction, MCPToolObservation
from openhands.sdk.mcp.tool import MCPToolDefinition
from openhands.sdk.tool import ToolExecutor

from openhands_tiered_router import ComplexityRouter, RoutedAgent
from openhands_tiered_router.loopback import Reply, ToolCall
from openhands_tiered_router.loopback.scripts import by_turn
from openhands_tiered_router.settings import RouterSettings
from openhands_tiered_router.tokens.settings import TokenSettings


TOPICS = ("invoice", "calendar", "weather", "ticket", "deployment", "mailbox")
VERBS = ("list", "create", "update", "delete", "describe")
LIMIT = 400
TASK = "Create a ticket for the broken door."


class Echo(ToolExecutor[MCPToolAction, MCPToolObservation]):
    def __init__(self, name: str) -> None:
        self.name = name
        self.closed = False

    def __call__(
        self, action: MCPToolAction, conversation: object = None
    ) -> MCPToolObservation:
        text = f"{self.name} {json.dumps(action.data)}"
        return MCPToolObservation.from_text(text, tool_name=self.name)

    def close(self) -> None:
        self.closed = True


def definition(verb: str, topic: str) -> MCPToolDefinition:
    name = f"{verb}_{topic}"
    text = {"type": "string", "description": f"The name of the {topic}. " * 8}
    schema = {"type": "object", "properties": {"name": text}, "required": ["name"]}
    tool = mcp.types.Tool(
        name=name, description=f"{verb} a {topic}", inputSchema=schema
    )
    return MCPToolDefinition(
        description=f"{verb} a {topic}",
        action_type=MCPToolAction,
        observation_type=MCPToolObservation,
        executor=Echo(name),
        mcp_tool=tool,
    )


def calls(name: str, **arguments: Any) -> Reply:
    return Reply(tool_calls=(ToolCall(name, arguments),))


def conversation(
    world, *, most: int | None = LIMIT, tools: int | None = None, **fields: Any
) -> LocalConversation:
    settings = RouterSettings(
        dispatch=world.quick, tokens=TokenSettings(tool_tokens=most)
    )
    router = world.router(settings=settings)
    router.pin("simple")
    agent = world.agent(router, RoutedAgent, tools=[])
    made = world.conversation(agent, **fields)
    made.send_message(TASK)
    made.agent.add_runtime_tools(definitions()[:tools])
    return made


def definitions() -> list[MCPToolDefinition]:
    return [definition(verb, topic) for topic in TOPICS for verb in VERBS]


def offered(request: Any) -> list[str]:
    return [tool.get("function", tool)["name"] for tool in request.body["tools"]]


def results(made: LocalConversation) -> list[str]:
    return [
        event.observation.text
        for event in made.state.events
        if isinstance(event, ObservationEvent)
    ]


def test_the_request_chooses_and_the_rest_is_found_and_called(world) -> None:
    world.provider.script = by_turn(
        [
            calls("find_tool", query="describe the weather"),
            calls("call_tool", tool="describe_weather", arguments={"name": "Rome"}),
            calls("call_tool", tool="describe_weather", arguments={}),
            calls("call_tool", tool="describe_wether", arguments={}),
            world.finish(),
        ]
    )
    made = conversation(world)
    made.run()
    sent = [r.body["tools"] for r in world.provider.requests]
    assert all(tools == sent[0] for tools in sent)
    names = offered(world.provider.requests[0])
    assert "create_ticket" in names
    assert {"find_tool", "call_tool", "finish", "think"} <= set(names)
    kept = [t for t in sent[0] if t["function"]["name"].endswith(TOPICS)]
    assert 0 < len(json.dumps(kept)) / 4 <= LIMIT
    waiting = [tool for tool in definitions() if tool.name not in names]
    pair = [made.agent.tools_map[name] for name in ("find_tool", "call_tool")]
    spared = sum(len(json.dumps(t.to_openai_tool())) // 4 for t in waiting)
    spared -= sum(len(json.dumps(t.to_openai_tool())) // 4 for t in pair)
    llm = made.agent.llm
    assert isinstance(llm, ComplexityRouter)
    outcomes = [call.outcome for call in llm.calls(made.id)]
    assert {o.spared_schemas for o in outcomes} == {spared}
    assert all(o.spared_usd > 0 for o in outcomes)
    found, called, invalid, misspelt, _ = results(made)
    assert "describe_weather: describe a weather\nArguments: {" in found
    assert called == 'describe_weather {"name": "Rome"}'
    assert "name" in invalid
    assert "Arguments: {" in invalid
    assert "did you mean describe_weather" in misspelt


def test_tools_that_come_later_change_nothing_that_is_sent(world) -> None:
    looks = [calls("find_tool", query="lamp"), calls("call_tool", tool="dim_lamp")]
    world.provider.script = by_turn([world.finish(), *looks, world.finish()])
    made = conversation(world)
    made.run()
    made.agent.add_runtime_tools([definition("dim", "lamp")])
    made.send_message("Dim the lamp.")
    made.run()
    tools = [r.body["tools"] for r in world.provider.requests]
    assert all(each == tools[0] for each in tools)
    assert any("dim_lamp: dim a lamp" in text for text in results(made))


def test_a_resumed_conversation_and_a_fork_are_offered_the_same(
    world, tmp_path: Path
) -> None:
    fields: dict[str, Any] = {"persistence_dir": str(tmp_path / "p")}
    world.provider.script = by_turn([world.finish()] * 3)
    made = conversation(world, **fields)
    made.run()
    sent = offered(world.provider.requests[-1])
    fork = made.fork()
    world.conversations.append(fork)
    fork.send_message("The weather in Rome?")
    fork.agent.add_runtime_tools(definitions())
    fork.run()
    # The fork's and the resumed router have no pin: another wire format may serve.
    assert offered(world.provider.requests[-1]) == sent
    made.close()
    again = conversation(world, conversation_id=made.id, **fields)
    again.run()
    assert offered(world.provider.requests[-1]) == sent


@pytest.mark.parametrize(("most", "tools"), [(None, None), (LIMIT, 2)])
def test_all_are_offered_where_they_fit_or_nothing_is_configured(
    world, most: int | None, tools: int | None
) -> None:
    world.provider.script = by_turn([world.finish()])
    conversation(world, most=most, tools=tools).run()
    names = offered(world.provider.requests[0])
    assert {t.name for t in definitions()[:tools]} <= set(names)
    assert "find_tool" not in names


def test_what_was_held_back_is_closed(world) -> None:
    world.provider.script = by_turn([world.finish()])
    made = conversation(world)
    made.run()
    executors = [t.executor for t in made.agent._tools.values()]
    echoes = [e for e in executors if isinstance(e, Echo)]
    made.close()
    assert len(echoes) == len(definitions())
    assert all(e.closed for e in echoes)


SERVER = """
from mcp.server.fastmcp import FastMCP

server = FastMCP("desk")
for topic in {topics}:
    def look(name: str, topic: str = topic) -> str:
        return f"{{topic}} of {{name}}"
    about = f"Describes a {{topic}}. " + "It is told by its name. " * 30
    server.add_tool(look, name=f"describe_{{topic}}", description=about)
server.run()
"""


@pytest.mark.slow
def test_with_a_server_of_its_own(world, tmp_path: Path) -> None:
    from openhands.sdk.mcp.config import MCPServer
    from pydantic import TypeAdapter

    script = tmp_path / "server.py"
    script.write_text(SERVER.format(topics=TOPICS))
    config = {"desk": {"command": sys.executable, "args": [str(script)]}}
    servers = TypeAdapter(dict[str, MCPServer]).validate_python(config)
    settings = RouterSettings(
        dispatch=world.quick, tokens=TokenSettings(tool_tokens=LIMIT)
    )
    router = world.router(settings=settings)
    router.pin("simple")
    world.provider.script = by_turn(
        [
            calls("find_tool", query="weather"),
            calls("call_tool", tool="describe_weather", arguments={"name": "Rome"}),
            world.finish(),
        ]
    )
    agent = world.agent(router, RoutedAgent, tools=[], mcp_config=servers)
    made = world.conversation(agent)
    made.send_message("Describe the ticket of the broken door.")
    made.run()
    names = offered(world.provider.requests[-1])
    assert "describe_ticket" in names
    assert "describe_weather" not in names
    assert "weather of Rome" in results(made)[1]
