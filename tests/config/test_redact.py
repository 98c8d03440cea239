from __future__ import annotations

import pytest

from openhands_tiered_router.config.redact import HIDDEN, is_secret_name, shown


@pytest.mark.parametrize(
    "value",
    [
        "sk-ant-api03-Zm9vYmFy",
        "sk_live_1",
        "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
        "AKIAIOSFODNN7EXAMPLE",
        "eyJhbGciOiJIUzI1NiJ9",
        "Bearer abc",
        "9f8e7d6c5b4a39281706f5e4d3c2b1a0",
        "6f9619ff-8b86-d011-b42d-00cf4fc964ff",
        "https://user:pass@example.org",
        "the key is 9f8e7d6c5b4a39281706",
    ],
)
def test_what_may_be_a_secret_is_hidden(value: str) -> None:
    assert shown(value, "model") == HIDDEN


@pytest.mark.parametrize(
    "value",
    [
        "anthropic/claude-opus-4-5-20251101",
        "bedrock/us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "input_cost_per_token_above_200k_tokens",
        "http://localhost:11434",
        "skip",
        -1,
        0.25,
        True,
        None,
    ],
)
def test_names_and_numbers_are_shown(value: object) -> None:
    assert shown(value, "model") == repr(value)


@pytest.mark.parametrize("value", [12345678, "short", "hunter2"])
def test_any_value_of_a_secret_key_is_hidden(value: object) -> None:
    assert shown(value, "api_key") == HIDDEN


def test_long_values_are_cut_and_tables_not_shown() -> None:
    assert len(shown("word " * 100)) == 60
    assert shown({"api_key": "x"}) == "a table"
    assert shown([1]) == "a list"


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("api_key", True),
        ("aws_secret_access_key", True),
        ("Authorization", True),
        ("x-api-key", True),
        ("api_key_env", False),
        ("input_cost_per_token", False),
        ("max_input_tokens", False),
    ],
)
def test_names_of_secrets(name: str, secret: bool) -> None:
    assert is_secret_name(name) is secret
