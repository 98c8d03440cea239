"""Texts are cut and redacted before they are stored, and go when their call goes."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import assume, given, strategies as st

from openhands_tiered_router.policy.entry import Entry, ToolCall
from openhands_tiered_router.record.telemetry.query import TelemetryFile
from openhands_tiered_router.record.telemetry.records import Call
from openhands_tiered_router.record.telemetry.removal import (
    DAY,
    Retention,
    purge,
    purge_texts,
)
from openhands_tiered_router.record.telemetry.store import Store
from openhands_tiered_router.record.telemetry.texts import (
    RawTexts,
    clipped,
    fit_to_store,
)
from openhands_tiered_router.record.telemetry.writer import Writer
from openhands_tiered_router.redaction import REDACTED
from tests.waiting import wait_until


def raw(
    n: int = 1,
    request: str | None = None,
    answer: Entry | None = None,
    most: int = 1_000,
    secrets: Callable[[], list[str]] = list,
) -> RawTexts:
    return RawTexts(
        decision_id=f"d{n}", request=request, answer=answer, most=most, secrets=secrets
    )


def stored(path: Path) -> list[tuple[str | None, str | None]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT request, answer FROM texts").fetchall()


@given(st.text("ab \n", max_size=300), st.integers(1, 400), st.text("XYZ ", min_size=4))
def test_no_cut_leaves_part_of_a_secret(before: str, most: int, secret: str) -> None:
    assume(secret.strip())
    text = (before + secret) * (6_000 // (len(before) + len(secret)) + 1)
    kept = fit_to_store(raw(request=text, most=most, secrets=lambda: [secret])).request
    assert len((kept or "").encode()) <= most
    assert not set(kept or "") & set("XYZ")


def test_a_key_at_the_cut_is_not_halved() -> None:
    for pad in range(3_900, 4_100):
        text = clipped("x" * pad + " ghp_" + "a1B2" * 9, 100)
        record = fit_to_store(raw(request="ab " * 1_333 + text, most=8_000))
        assert "ghp_" not in (record.request or "")


@pytest.mark.parametrize("part", ["a line\n", "\ta\n", "\u6f22\u5b57\u3002"])
def test_a_long_text_need_not_have_spaces(part: str) -> None:
    kept = fit_to_store(raw(request=part * 5_000, most=500)).request or ""
    assert 490 < len(kept.encode()) <= 500
    assert (part * 500).startswith(kept)


def test_a_secret_of_many_words_is_not_halved_by_the_cut_of_the_last_word() -> None:
    secret = " ".join(["XYZ"] * 50)
    for pad in range(220):
        text = "a" * pad + f"{secret}a" * 100
        kept = fit_to_store(raw(request=text, most=1_000, secrets=lambda: [secret]))
        assert not set(kept.request or "") & set("XYZ"), pad


def test_tool_calls_are_told_with_their_arguments_decoded() -> None:
    arguments = json.dumps({"command": "a\nghp_" + "x1" * 20, "n": [1, {"m": None}]})
    calls = (
        ToolCall("1", "terminal", arguments),
        ToolCall("2", "finish", '{"message": "hal'),
    )
    record = fit_to_store(raw(answer=Entry(role="assistant", text="So:", calls=calls)))
    assert (record.answer or "").split("\n") == [
        "So:",
        "[terminal]",
        "command: a",
        REDACTED,
        "n: 1",
        "m: None",
        "[finish]",
        "(arguments not readable)",
    ]


def test_what_cannot_be_redacted_is_not_stored_and_said(
    path: Path,
    writer: Writer,
    record: Callable[[int], Call],
    caplog: pytest.LogCaptureFixture,
) -> None:
    def unknown() -> list[str]:
        raise LookupError("the secret text")

    writer.put(record(1))
    writer.put(raw(request="the secret text", secrets=unknown))
    assert writer.flush(60)
    assert stored(path) == []
    assert writer.stats().rejected == 1
    assert caplog.messages == [f"texts not recorded in {path}: LookupError"]


def test_secrets_are_asked_for_by_the_writing_thread(
    path: Path, writer: Writer, record: Callable[[int], Call]
) -> None:
    asked: list[str] = []

    def secrets() -> list[str]:
        asked.append(threading.current_thread().name)
        return ["please"]

    writer.put(record(1))
    writer.put(raw(request="Do it please.", secrets=secrets))
    writer.put(raw(2, request="of no decision"))
    assert writer.flush(60)
    assert asked == ["tiered-router-telemetry"]
    assert stored(path) == [(f"Do it {REDACTED}.", None)]


def test_a_secret_that_is_long_in_coming_holds_back_texts_alone(
    path: Path,
    writer: Writer,
    record: Callable[[int], Call],
    ids: Callable[[], list[str]],
) -> None:
    answered = threading.Event()

    def secrets() -> list[str]:
        assert answered.wait(60)
        return []

    writer.put(record(0))
    assert writer.flush(60)
    writer.put(record(1))
    writer.put(raw(request="Hello.", secrets=secrets))
    wait_until(lambda: ids() == ["d0", "d1"])
    answered.set()
    assert writer.flush(60)
    assert stored(path) == [("Hello.", None)]


def test_texts_go_with_their_conversation(
    path: Path, record: Callable[[int], Call]
) -> None:
    store = Store(path)
    store.write([record(1), fit_to_store(raw(request="in the conversation"))])
    store.close()
    assert purge(path, "c") == 1
    assert stored(path) == []
    assert b"in the conversation" not in path.read_bytes()
    store.write([record(2), fit_to_store(raw(2, request="too old"))])
    assert store.trim(Retention(days=1), 9 * DAY)
    store.close()
    assert stored(path) == []


def test_all_texts_can_be_removed_and_nothing_else(
    path: Path, record: Callable[[int], Call]
) -> None:
    assert purge_texts(path) == 0
    with closing(Writer(path)) as writer:
        for n in range(3):
            writer.put(record(n))
            writer.put(raw(n, request="what was said"))
        assert writer.flush(60)
        assert purge_texts(path) == 3
        files = path.parent.glob(f"{path.name}*")
        assert not [f for f in files if b"what was said" in f.read_bytes()]
        writer.put(raw(1, request="later"))
        assert writer.flush(60)
    assert stored(path) == [("later", None)]
    assert [t.id for t in TelemetryFile(path).turns("c")] == ["d0", "d1", "d2"]
