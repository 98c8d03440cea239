"""What the events of a conversation teach."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from openhands_tiered_router.memory.lessons import (
    MOST_CHARS,
    MOST_PENDING,
    Kind,
    Lesson,
    Lessons,
    likeness,
    plain,
    words_of,
)


@pytest.mark.parametrize(
    "command", ["pytest -q", "make check", "npm run build", "cargo build"]
)
def test_a_test_or_build_that_exited_0_is_kept(command: str) -> None:
    assert Lessons().ran(command, 0, "") == [Lesson(Kind.WORKS, command)]


@pytest.mark.parametrize(
    ("command", "code"),
    [("pytest -q", 1), ("pytest -q", None), ("ls", 0), ("cat notes.txt", 0)],
)
def test_other_commands_are_not(command: str, code: int | None) -> None:
    assert Lessons().ran(command, code, "") == []


@pytest.mark.parametrize(
    "command",
    [
        "pytest -q | tail -3",
        "pytest -q; true",
        "pytest -q || true",
        "pytest -q &",
        "pytest -q\nls",
        "pytest $(cat names)",
        "python <<EOF",
        "pytest " + "x" * MOST_CHARS,
    ],
)
def test_an_exit_code_that_may_be_anothers_teaches_nothing(command: str) -> None:
    assert plain(command) == ""
    assert Lessons().ran(command, 0, "") == []


def test_where_a_command_ran_does_not_matter() -> None:
    assert plain("cd /a/b && pytest -q 2>&1") == "pytest -q"


def test_another_form_of_the_command_mended_the_error() -> None:
    lessons = Lessons()
    assert lessons.ran("pytest -q", 127, "bash: pytest: command not found") == []
    assert lessons.ran("python -m pytest -q", 0, "1 passed") == [
        Lesson(Kind.MENDS, "python -m pytest -q", "pytest: command not found"),
        Lesson(Kind.WORKS, "python -m pytest -q"),
    ]


def test_what_was_installed_mended_the_error() -> None:
    lessons = Lessons()
    lessons.ran("pytest -q", 1, "E   No module named 'yaml'")
    lessons.ran("pip install pyyaml", 0, "")
    found = lessons.ran("pytest -q", 0, "1 passed")
    assert found[0] == Lesson(
        Kind.MENDS, "pip install pyyaml", "No module named 'yaml'"
    )


def test_a_failure_of_the_work_is_no_lesson() -> None:
    lessons = Lessons()
    lessons.ran("pytest -q", 1, "FAILED test_a.py::test_b - assert 1 == 2")
    found = lessons.ran("pytest -q -x", 0, "1 passed")
    assert [lesson.kind for lesson in found] == [Kind.WORKS]


def test_another_program_mends_nothing() -> None:
    lessons = Lessons()
    lessons.ran("frobnicate --all", 127, "bash: frobnicate: command not found")
    assert lessons.ran("git status", 0, "") == []


def test_decisions_wait_for_a_command_that_works() -> None:
    lessons = Lessons()
    lessons.said("Fix it. Always run the linter before you finish. Thanks!")
    assert lessons.ran("ls", 0, "") == []
    assert lessons.ran("make check", 1, "") == []
    assert lessons.ran("make check", 0, "") == [
        Lesson(Kind.WORKS, "make check"),
        Lesson(Kind.DECISION, "Always run the linter before you finish"),
    ]
    again = lessons.ran("make check", 0, "")
    assert [lesson.kind for lesson in again] == [Kind.WORKS]


@pytest.mark.parametrize(
    "text",
    ["It always fails.", "The parser does not use tabs.", "Never.", "Why is it slow?"],
)
def test_a_description_is_no_decision(text: str) -> None:
    lessons = Lessons()
    lessons.said(text)
    found = lessons.ran("make check", 0, "")
    assert [lesson.kind for lesson in found] == [Kind.WORKS]


def test_what_waits_is_bounded() -> None:
    lessons = Lessons()
    for i in range(5 * MOST_PENDING):
        lessons.ran(f"tool{i} --go", 127, f"bash: tool{i}: command not found")
        lessons.said(f"Never touch the file number {i}.")
    assert len(lessons._failures) == len(lessons._decisions) == MOST_PENDING


@given(st.text(), st.integers() | st.none(), st.text())
def test_no_text_breaks_it(command: str, code: int | None, output: str) -> None:
    for lesson in Lessons().ran(command, code, output):
        assert code == 0
        assert 0 < len(lesson.text) <= MOST_CHARS
        assert "\n" not in lesson.text


@given(st.text(), st.text())
def test_likeness_is_symmetric_and_1_for_itself(a: str, b: str) -> None:
    one, other = words_of(a), words_of(b)
    assert likeness(one, other) == likeness(other, one)
    assert 0.0 <= likeness(one, other) <= likeness(one, one) == 1.0
