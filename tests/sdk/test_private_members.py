"""Private members of the SDK and of litellm that are used, for want of a public way.

When a test here fails, the message says what the member is for and what to do.
docs/sdk.md has the list.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from litellm.litellm_core_utils.streaming_handler import CustomStreamWrapper
from litellm.types.utils import ModelResponse
from openhands.sdk import Agent, LocalConversation
from openhands.sdk.llm import LLM
from openhands.sdk.llm.utils.telemetry import Telemetry
from openhands.sdk.subagent import registry

import openhands_tiered_router
from openhands_tiered_router.sdk.answers import SaneTelemetry


IMPORTS = re.compile(r"^\s*(from|import) (openhands\.|litellm)", re.MULTILINE)
PRIVATE_ATTRIBUTES: list[tuple[type[Any], str, str]] = [
    (
        LLM,
        "_api_key_refresh_hook",
        "sdk/books.py carries it over at a reload; keep the hook on the router instead",
    ),
    (
        LLM,
        "_telemetry",
        "sdk/answers.py puts a telemetry there that refuses impossible usage; find the "
        "new place, or the SDK fails calls with such usage",
    ),
    (
        Telemetry,
        "_stats_update_callback",
        "sdk/books.py carries it over at a reload; else an agent-server shows no costs",
    ),
    (
        Telemetry,
        "_log_completions_callback",
        "sdk/books.py carries it over at a reload; else clients get no completion logs",
    ),
    (
        Agent,
        "_tools",
        "agent.py puts the filter of tool results around the tools; wrap them where "
        "they are made now, or switch [tokens] filter off",
    ),
    (
        Agent,
        "_initialized",
        "agent.py does its part at the first initialisation; remember that by itself",
    ),
    (
        ModelResponse,
        "_hidden_params",
        "sdk/answers.py marks cut streams in it; without it a cut answer is taken",
    ),
]
METHODS: list[tuple[type[Any], str, str]] = [
    (
        LLM,
        "_get_api_key_value",
        "sdk/endpoints.py tells accounts apart by it; read `api_key` instead",
    ),
    (
        LLM,
        "_model_features",
        "calls/history/target.py asks what a model takes back of a history; without it "
        "take the strictest answers",
    ),
    (
        Telemetry,
        "_compute_cost",
        "sdk/answers.py repeats the SDK's own computation for one call; books and "
        "budgets differ if another one is used",
    ),
    (
        Agent,
        "_initialize",
        "agent.py overrides it: sub-agents are offered before the tools are made; find "
        "what is called then now",
    ),
]


@pytest.mark.parametrize(("holder", "name", "remedy"), PRIVATE_ATTRIBUTES)
def test_an_attribute_is_there(holder: type[Any], name: str, remedy: str) -> None:
    assert name in holder.__private_attributes__, f"{holder.__name__}.{name}: {remedy}"


@pytest.mark.parametrize(("holder", "name", "remedy"), METHODS)
def test_a_method_is_there(holder: type[Any], name: str, remedy: str) -> None:
    found = getattr(holder, name, None)
    assert inspect.isfunction(found), f"{holder.__name__}.{name}: {remedy}"


def test_the_provider_of_a_model_is_known() -> None:
    llm = LLM(model="openai/gpt-4o", api_key="sk-x")
    assert llm._provider_info is not None, (
        "LLM._provider_info: sdk/answers.py passes it to the computation of costs"
    )


def test_a_streams_finish_reason_is_made_up_in_one_place() -> None:
    assert issubclass(SaneTelemetry, Telemetry)  # its module has wrapped the method
    source = inspect.getsource(CustomStreamWrapper.__init__)
    remedy = (
        "litellm's CustomStreamWrapper: sdk/answers.py marks the chunk whose finish "
        "reason litellm made up; find where it does so now, or streams that are cut "
        "off count as answers (tests/sdk/contract/test_streams.py)"
    )
    assert "self.received_finish_reason" in source, remedy
    assert CustomStreamWrapper.finish_reason_handler.__name__ == "handler", remedy


def test_a_conversation_emits_events() -> None:
    assert "self._on_event" in inspect.getsource(LocalConversation.__init__), (
        "LocalConversation._on_event: guards/pausing.py emits what a guard says as an "
        "event; find how the SDK emits its own limits now"
    )


def test_the_registry_of_subagents_can_be_changed() -> None:
    assert isinstance(registry._agent_factories, dict), (
        "subagents.py puts sub-agents that others registered on tiers"
    )
    with registry._registry_lock:
        pass


def test_a_kind_is_checked_where_the_installer_passes() -> None:
    assert hasattr(Agent, "_validate_subtype"), (
        "DiscriminatedUnionMixin._validate_subtype: server/installer.py replaces it; "
        "see that a fork of an agent with an installed router is read again"
    )


@pytest.mark.slow
def test_the_page_lists_all_that_are_used() -> None:
    """Those whose names nothing of our own has; tests above have the others."""
    page = Path("docs/sdk.md").read_text(encoding="utf-8")
    table = page.partition("## Private members")[2].partition("\n## ")[0]
    listed = set(re.findall(r"_\w+", table))
    assert set(_foreign()) <= listed
    tested = {name for _, name, _ in [*PRIVATE_ATTRIBUTES, *METHODS]}
    assert tested <= listed


def _foreign() -> Iterator[str]:
    """Of modules that import one of the two."""
    root = Path(openhands_tiered_router.__file__).parent
    paths = [p for p in root.rglob("*.py") if "gateway" not in p.parts]
    sources = [path.read_text(encoding="utf-8") for path in paths]
    trees = {source: ast.parse(source) for source in sources}
    ours = {name for tree in trees.values() for name in _names(tree)}
    ours |= {"_asdict", "_replace"}  # public, though so named: of named tuples
    near = [t for s, t in trees.items() if IMPORTS.search(s)]
    for node in (node for tree in near for node in ast.walk(tree)):
        name = node.attr if isinstance(node, ast.Attribute) else ""
        if name.startswith("_") and not name.endswith("__") and name not in ours:
            yield name


def _names(tree: ast.AST) -> Iterator[str]:
    """What a module itself gives a name to."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name
            case ast.ClassDef(name=name) | ast.Name(id=name, ctx=ast.Store()):
                yield name
            case ast.Attribute(value=ast.Name(id="self"), attr=name, ctx=ast.Store()):
                yield name
