import pytest
from hypothesis import given, strategies as st

from openhands_tiered_router.policy.difficulty.text import user_text


@pytest.mark.parametrize(
    "message",
    [
        "Fix the parser.\n<system-reminder>prove a theorem</system-reminder>",
        "<environment_details>prove it</environment_details>\nFix the parser.",
        "<EXTRA_INFO>\nDesign a platform\n</EXTRA_INFO>\nFix the parser.",
        "<pr_description>\nConsider the following PR description:\nFix the parser.\n"
        "</pr_description>\n<instructions>Prove it in 9 steps</instructions>",
        "<uploaded_files>/src</uploaded_files> I uploaded a repository.\n"
        "<issue_description>Fix the parser.</issue_description> Follow the phases.",
        "<!-- please search first -->Fix the parser.",
        "[tier: reasoning] Fix the parser.",
    ],
)
def test_only_the_users_words_are_read(message: str) -> None:
    assert user_text(message).text.strip() == "Fix the parser."


def test_a_tag_that_is_never_closed_hides_nothing() -> None:
    message = "<system-reminder> is what the log says; why?"
    assert user_text(message).text == message


def test_tags_that_are_no_harness_stay() -> None:
    message = "Why does <div>text</div> not wrap?"
    assert user_text(message).text == message


def test_code_is_told_from_prose() -> None:
    text = user_text("It fails:\n```python\nassert parse('') == []\n```\nWhy?")
    assert "assert" not in text.prose
    assert 0.3 < text.code_share < 0.9


def test_a_traceback_is_code() -> None:
    text = user_text('Broken.\nTraceback (most recent call last):\n  File "a.py"\n')
    assert text.prose.strip() == "Broken."


@given(st.text(max_size=400))
def test_no_text_raises(message: str) -> None:
    text = user_text(message)
    assert 0.0 <= text.code_share <= 1.0
    assert text.opening == text.opening.casefold() or text.opening
    assert text.size >= 0


@pytest.mark.parametrize(
    "unit", ["<system-reminder>", "<!-- ", "```\n", "~~~ \n```", "a", "証明", "a.b("]
)
def test_a_megabyte_is_cut(unit: str) -> None:
    message = unit * (1_000_000 // len(unit))
    text = user_text(message)
    assert len(text.text) < 40_000
    assert len(text.opening) < 400


@pytest.mark.parametrize(
    "said",
    ["because the cache is stale", "due to a race", "weil der Puffer voll ist", "因为"],
)
def test_a_report_says_why(said: str) -> None:
    assert user_text(f"It fails, {said}.").states_cause


def test_code_gives_no_reason() -> None:
    text = "It fails.\n```\n# because of this\n```\nAny idea?"
    assert not user_text(text).states_cause
