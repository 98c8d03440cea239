"""The tool in a conversation of this process: what it changes, and what it leaves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from openhands.sdk import Agent, LocalConversation, Tool
from openhands.sdk.agent import AgentBase
from openhands.sdk.context.condenser import LLMSummarizingCondenser
from openhands.sdk.conversation.state import ConversationExecutionStatus as Status
from openhands.sdk.llm import LLM
from openhands.tools.terminal import TerminalTool

from openhands_tiered_router import ComplexityRouter, RoutedAgent
from openhands_tiered_router.config import ConfigError
from openhands_tiered_router.guards.pausing import pause_reasons
from openhands_tiered_router.loopback import Request
from openhands_tiered_router.server.installer import NAME, config_of
from tests.routed.conftest import World


# Nobody knows their success rates: of rated ones a single model may serve everything.
MODELS = {"simple": "openai/gpt-4o-mini", "complex": "openai/o3"}


@pytest.fixture
def config(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration file of the server's."""
    monkeypatch.setenv("LOOPBACK_KEY", "sk-of-the-server")
    tiers = {
        tier: {
            "endpoints": [
                {
                    "model": model,
                    "base_url": world.llm(model).base_url,
                    "api_key_env": "LOOPBACK_KEY",
                }
            ]
        }
        for tier, model in MODELS.items()
    }
    path = tmp_path / "router.json"
    path.write_text(json.dumps({"tiers": tiers, "loops": {"failures": 3}}))
    return path


def talk(
    world: World, params: dict[str, Any], kind: type[Agent] = Agent, **more: Any
) -> LocalConversation:
    base = world.llm("openai/gpt-4.1", usage_id="agent")
    tools = [Tool(name=TerminalTool.name), Tool(name=NAME, params=params)]
    fields = {"llm": more.pop("llm", base), "condenser": more.pop("condenser", None)}
    return world.conversation(kind(tools=tools, **fields), **more)


def run(conversation: LocalConversation, message: str = "Look around.") -> list[str]:
    """The models that served the run."""
    conversation.send_message(message)
    conversation.run()
    usage = conversation.conversation_stats.usage_to_metrics.values()
    return sorted(m.model_name for m in usage if m.token_usages)


def test_a_stock_agent_is_routed_and_stored_as_it_was(
    world: World, config: Path, tmp_path: Path
) -> None:
    params = {"config": str(config)}
    conversation = talk(world, params, persistence_dir=tmp_path / "kept")
    models = run(conversation)
    assert len(set(models)) > 1
    assert set(models) <= set(MODELS.values())
    assert "openai/gpt-4.1" not in models
    assert world.spent(conversation) == pytest.approx(world.provider.total_usd)
    (stored,) = (tmp_path / "kept").rglob("base_state.json")
    agent = json.loads(stored.read_text())["agent"]
    assert (agent["kind"], agent["llm"]["model"]) == ("Agent", "openai/gpt-4.1")
    assert "llms_for_routing" not in agent["llm"]
    assert "sk-of-the-server" not in stored.read_text()
    # What this process has of it may be validated again, as a server does.
    again = AgentBase.model_validate(conversation.agent.model_dump(mode="json"))
    assert type(again) is Agent


def test_its_params_are_no_tool_to_the_model(world: World, config: Path) -> None:
    run(talk(world, {"config": str(config)}))
    assert {name for r in world.provider.requests for name in r.tools} == {
        "terminal",
        "finish",
        "think",
    }


def test_the_guards_come_along(world: World, config: Path) -> None:
    world.provider.script = lambda _: world.terminal("false")
    conversation = talk(world, {"config": str(config)})
    run(conversation)
    assert conversation.state.execution_status is Status.PAUSED
    (held,) = pause_reasons(conversation.state)
    assert held.guard == "loop"


def test_a_fork_and_a_switch(world: World, config: Path) -> None:
    conversation = talk(world, {"config": str(config)})
    run(conversation)
    world.provider.script = finish
    fork = conversation.fork()
    world.conversations.append(fork)
    assert "openai/gpt-4.1" not in run(fork)
    assert isinstance(fork.agent.llm, ComplexityRouter)
    conversation.switch_llm(world.llm("openai/gpt-4.1-mini", usage_id="plain"))
    assert "openai/gpt-4.1-mini" in run(conversation)
    assert type(conversation.agent.llm) is LLM
    switched = conversation.fork()
    world.conversations.append(switched)
    assert run(switched) == ["openai/gpt-4.1-mini"]


def finish(request: Request) -> Any:
    return World.finish()


@pytest.mark.parametrize("own", [False, True])
def test_a_condenser_on_the_agents_model_is_routed(
    world: World, config: Path, own: bool
) -> None:
    model = "openai/gpt-4.1-nano" if own else "openai/gpt-4.1"
    condenser = LLMSummarizingCondenser(llm=world.llm(model, usage_id="agent"))
    conversation = talk(world, {"config": str(config)}, condenser=condenser)
    run(conversation)
    used = conversation.agent.condenser
    assert isinstance(used, LLMSummarizingCondenser)
    assert isinstance(used.llm, ComplexityRouter) is not own
    ids = conversation.conversation_stats.usage_to_metrics
    assert (f"{NAME}:condenser:simple" in ids) is not own


def test_streaming_is_the_clients_choice(world: World, config: Path) -> None:
    base = world.llm("openai/gpt-4.1", stream=True, usage_id="agent")
    conversation = talk(
        world, {"config": str(config)}, llm=base, token_callbacks=[lambda _: None]
    )
    run(conversation)
    assert {r.stream for r in world.provider.requests if r.tools} == {True}


def test_an_agent_that_is_routed_is_left_alone(world: World, config: Path) -> None:
    router = world.router()
    conversation = talk(world, {"config": str(config)}, RoutedAgent, llm=router)
    run(conversation)
    assert conversation.agent.llm is router


@pytest.mark.own_fault
def test_a_fault_of_ours_leaves_the_agents_llm(
    world: World,
    config: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("sk-secret")

    monkeypatch.setattr("openhands_tiered_router.server.installer._router", broken)
    conversation = talk(world, {"config": str(config)})
    assert run(conversation) == ["openai/gpt-4.1"]
    assert conversation.state.execution_status is Status.FINISHED
    assert "router not installed: RuntimeError" in caplog.text
    assert "sk-secret" not in caplog.text


def test_a_bad_configuration_is_told_before_anything_is_spent(
    world: World, tmp_path: Path
) -> None:
    path = tmp_path / "none.toml"
    tool = Tool(name=NAME, params={"config": str(path)})
    # A terminal beside it would be left open: the SDK closes no tools made before.
    agent = Agent(llm=world.llm("openai/gpt-4.1"), tools=[tool])
    conversation = world.conversation(agent)
    with pytest.raises(ValueError, match=r"none\.toml"):
        conversation.send_message("Look around.")
    assert world.provider.requests == ()


def test_a_tier_is_a_profile_or_several() -> None:
    config = config_of({"tiers": {"simple": "a", "complex": ["b", {"profile": "c"}]}})
    profiles = {key: e.profile for key, e in config.endpoints().items()}
    assert profiles == {"simple": "a", "complex": "b", "complex/2": "c"}


def test_guards_may_stand_beside_the_tiers() -> None:
    budget = {"name": "one", "scope": "conversation", "usd": 0.5}
    config = config_of({"tiers": {"complex": "b"}, "budgets": [budget]})
    assert [b.usd for b in config.budgets] == [0.5]


def test_a_file_of_the_server(tmp_path: Path) -> None:
    path = tmp_path / "router.json"
    path.write_text(json.dumps({"tiers": {"complex": "openai/gpt-4o"}}))
    config = config_of({"config": str(path)})
    assert config.endpoints()["complex"].model == "openai/gpt-4o"


def test_without_params_the_servers_own_configuration_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "router.json"
    path.write_text(json.dumps({"tiers": {"complex": "openai/gpt-4o"}}))
    monkeypatch.setenv("TIERED_ROUTER_CONFIG", str(path))
    assert config_of({}).source == str(path)


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"config": 3}, "config: must be a path, alone"),
        ({"config": "a.toml", "tiers": {"complex": "b"}}, "config: must be a path"),
        ({"tiers": {"simpl": "a"}}, "tiers.simpl: is not a known key"),
        ({"tiers": ["a"]}, "tiers"),
        ({"profiles": {"simple": "a"}}, "profiles: is not a known key"),
        (
            {"tiers": {"simple": {"endpoints": [{"model": "openai/gpt-4o"}]}}},
            "tiers.simple.endpoints[0]: names no profile",
        ),
        (
            {"tiers": {"simple": [{"profile": "a", "base_url": "http://elsewhere"}]}},
            "base_url: cannot be combined with profile",
        ),
    ],
)
def test_what_cannot_be_used_is_named(params: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError) as failed:
        config_of(params)
    assert told in str(failed.value)


def test_a_key_is_refused_and_not_repeated() -> None:
    endpoint = {"model": "openai/gpt-4o", "api_key": "sk-very-secret"}
    with pytest.raises(ConfigError) as failed:
        config_of({"tiers": {"simple": [endpoint]}})
    assert "names no profile" in str(failed.value)
    assert "sk-very-secret" not in str(failed.value)
