from __future__ import annotations

import os
from typing import Any

import litellm
import pytest

from openhands_tiered_router.config import parse_config
from openhands_tiered_router.config.keys import USUAL_VARIABLES, Key, is_local, key_for
from openhands_tiered_router.config.resolve import resolve_targets
from openhands_tiered_router.policy.economics.price_book import default_price_book


def key(environ: dict[str, str], **table: Any) -> Key:
    config = parse_config({"tiers": {"simple": [table]}}, "x")
    targets = resolve_targets(config, environ)
    endpoint = config.endpoints()["simple"]
    return key_for(endpoint, targets["simple"], environ, default_price_book())


def test_the_named_variable_comes_before_the_usual_one() -> None:
    environ = {"MINE": " k1 ", "OPENAI_API_KEY": "k2"}
    assert key(environ, model="openai/x", api_key_env="MINE").value == "k1"
    assert key(environ, model="openai/x").value == "k2"
    assert key(environ, model="gpt-4o").value == "k2"
    assert key(environ, model="openai/x", api_key="k3").value == "k3"


@pytest.mark.parametrize("environ", [{}, {"MINE": ""}, {"MINE": "  "}])
def test_a_named_variable_must_be_set(environ: dict[str, str]) -> None:
    found = key(environ, model="ollama/x", api_key_env="MINE")
    assert (found.missing, found.variable) == (True, "MINE")


@pytest.mark.parametrize(
    "model", ["ollama/x", "bedrock/x", "vertex_ai/x", "azure/x", "example/x"]
)
def test_providers_with_credentials_of_their_own_are_left_to_litellm(
    model: str,
) -> None:
    found = key({}, model=model)
    assert (found.value, found.missing) == (None, False)


def test_the_usual_key_never_goes_to_a_server_on_this_machine() -> None:
    environ = {"OPENAI_API_KEY": "precious"}
    found = key(environ, model="openai/x", base_url="http://127.0.0.1:8000/v1")
    assert found.value == "not-needed"


def test_a_gateway_gets_the_usual_key_or_a_placeholder() -> None:
    gateway = {"model": "openai/x", "base_url": "https://gateway.example/v1"}
    assert key({"OPENAI_API_KEY": "k"}, **gateway).value == "k"
    assert key({}, **gateway).value == "not-needed"


def test_a_second_usual_variable_is_left_to_litellm() -> None:
    found = key({"GOOGLE_API_KEY": "k"}, model="gemini/x")
    assert (found.value, found.missing) == (None, False)


def test_a_key_does_not_show_itself() -> None:
    assert "precious" not in repr(Key("precious", "MINE"))


@pytest.mark.parametrize("provider", USUAL_VARIABLES)
def test_the_usual_variables_are_litellms(
    provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in list(os.environ):
        if name.endswith(("_API_KEY", "_TOKEN")):
            monkeypatch.delenv(name)
    model = f"{provider}/x"
    missing = litellm.validate_environment(model)["missing_keys"]
    assert {*USUAL_VARIABLES[provider]} & {*missing}


@pytest.mark.parametrize(
    ("address", "local"),
    [
        ("http://localhost:1", True),
        ("http://127.0.0.2", True),
        ("http://[::1]:1", True),
        ("http://api.localhost", True),
        ("https://localhost.example.org", False),
        ("http://192.168.0.1", False),
        (None, False),
    ],
)
def test_what_is_on_this_machine(address: str | None, local: bool) -> None:
    assert is_local(address) is local
