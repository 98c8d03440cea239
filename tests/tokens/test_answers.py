"""The file of answers that were paid for once."""

from __future__ import annotations

import sqlite3
import stat
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from openhands_tiered_router.tokens import answers as module
from openhands_tiered_router.tokens.answers import MOST_CHARS, Answers, digest


# Small values: unbounded ones nest so deep that making 25 of them takes ten seconds.
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
REQUESTS = st.dictionaries(st.text(max_size=5), JSON, max_size=4)


@pytest.fixture
def answers(tmp_path: Path) -> Answers:
    return Answers(tmp_path / "cache" / "answers.sqlite3", hours=1.0)


def test_what_is_kept_is_found_by_its_key_alone(answers: Answers) -> None:
    assert answers.find("a") is None
    answers.keep("a", "one")
    answers.keep("b", "two")
    answers.keep("b", "three")
    assert [answers.find(key) for key in "abc"] == ["one", "three", None]


def test_an_answer_is_asked_for_anew_after_its_time(
    answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers.keep("a", "one")
    later = module.time.time() + 3_601.0
    monkeypatch.setattr(module.time, "time", lambda: later)
    assert answers.find("a") is None
    answers.keep("b", "two")
    with sqlite3.connect(answers.path) as db:
        assert db.execute("SELECT key FROM answers").fetchall() == [("b",)]


def test_the_oldest_go(answers: Answers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_ENTRIES", 3)
    for key in "abcde":
        answers.keep(key, key)
    assert [answers.find(key) for key in "abcde"] == [None, None, "c", "d", "e"]


def test_a_huge_answer_is_not_kept(answers: Answers) -> None:
    answers.keep("a", "x" * (MOST_CHARS + 1))
    assert answers.find("a") is None


def test_the_file_is_its_owners_alone(answers: Answers) -> None:
    answers.keep("a", "one")
    assert stat.S_IMODE(answers.path.stat().st_mode) == 0o600


@settings(max_examples=25)
@given(REQUESTS, REQUESTS)
def test_keys_are_equal_exactly_where_the_requests_are(one, other) -> None:
    same = repr(sorted(one.items())) == repr(sorted(other.items()))
    if same:
        assert digest(one) == digest(other)
    assert digest(one) == digest(dict(reversed(one.items())))
    assert digest({**one, "k": 1}) != digest({**one, "k": 2})
