"""What looks like a key never comes through."""

from __future__ import annotations

import pytest

from openhands_tiered_router.record.telemetry import clean
from openhands_tiered_router.redaction import REDACTED


@pytest.mark.parametrize(
    "secret",
    [
        "sk-ant-api03-" + "a1B2" * 8,
        "sk-proj-" + "Zz09_-" * 6,
        "sk_live_" + "4eC39HqLyjWDarjt",
        "ghp_" + "a" * 36,
        "github_pat_" + "A1" * 20,
        "glpat-" + "x" * 20,
        "xoxb-" + "123456789012-abc",
        "AIza" + "S" * 35,
        "AKIA" + "IOSFODNN7EXAMPLE",
        "hf_" + "q" * 30,
        "gsk_" + "q" * 30,
        "eyJhbGciOiJIUzI1" + "." + "eyJzdWIiOiIxMjM0",
        "-----BEGIN RSA PRIVATE KEY",
        "Bearer abcdef0123456789",
        "https://user:hunter2@example.org/",
        "jane.doe@example.org",
    ],
)
def test_keys_are_redacted(secret: str) -> None:
    for cleaned in (clean.text(f"before {secret} after"), clean.name(secret)):
        assert REDACTED in cleaned
        assert secret not in cleaned
        assert "hunter2" not in cleaned


@pytest.mark.parametrize(
    "harmless",
    [
        "after search comes a mechanical turn",
        "task-tracker",
        "window of 128000 tokens too small for 140000",
        "openrouter/anthropic/claude-sonnet-4.5",
        "risk_floor: 3 hubs, blast radius 41",
        "http://127.0.0.1:8080/v1",
    ],
)
def test_other_text_stays(harmless: str) -> None:
    assert clean.text(harmless) == clean.name(harmless) == harmless


def test_text_is_cut() -> None:
    assert len(clean.text("x" * 10_000)) == clean.MAX_TEXT
    assert len(clean.name("x" * 10_000)) == clean.MAX_NAME


def test_long_identifiers_stay_apart_and_equal() -> None:
    long, other = "r" * 1_000, "r" * 999 + "s"
    assert clean.identifier(long) == clean.identifier(long)
    assert clean.identifier(long) != clean.identifier(other)
    assert len(clean.identifier(long)) <= clean.MAX_NAME
    assert clean.identifier("resp_1") == "resp_1"


def test_what_utf8_cannot_encode_is_replaced() -> None:
    for cleaned in [f("a\ud800b") for f in (clean.text, clean.identifier)]:
        assert cleaned == "a?b"
