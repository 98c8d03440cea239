import pytest

from openhands_tiered_router.graph.location.text import parse


def test_the_first_line_counts_double() -> None:
    title = parse("broken widget\nsomething").terms["widget"]
    body = parse("something\nbroken widget").terms["widget"]

    assert title == 2 * body


def test_inline_code_counts_more_and_a_block_less() -> None:
    plain = parse("x\nthe widget here").terms["widget"]
    inline = parse("x\nthe `widget` here").terms["widget"]
    block = parse("x\n```\nthe widget here\n```").terms["widget"]

    assert block < plain < inline


def test_paths_and_dotted_names_are_places() -> None:
    text = 'File "/usr/lib/app/views.py", line 3\nsee app.models.User, std::fs and it.'

    assert parse(text).places == ("usr/lib/app/views.py", "app.models.User", "std::fs")


def test_a_windows_path_is_a_place() -> None:
    assert parse(r"in C:\work\app\views.py").places == ("work/app/views.py",)


def test_of_a_long_text_both_ends_are_read() -> None:
    query = parse("alphaword " + "filler " * 100_000 + " omegaword")

    assert {"alphaword", "omegaword"} <= query.terms.keys()


@pytest.mark.timeout(20)
@pytest.mark.parametrize("part", ["a", "`", "a.", "```x", "\\-", "`x\n", "::"])
def test_no_text_takes_long(part: str) -> None:
    assert len(parse(part * 10**6).places) <= 2


def test_an_empty_text_asks_for_nothing() -> None:
    assert parse("").terms == {}
    assert parse("").places == ()
