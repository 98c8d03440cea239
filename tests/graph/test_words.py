from hypothesis import given, strategies as st

from openhands_tiered_router.graph.words import terms, terms_of, words


def test_an_identifier_gives_the_stems_of_its_parts_and_itself() -> None:
    assert terms("parseURLList") == ("pars", "url", "list", "=parseurllist")
    assert terms("get_or_create") == ("get", "creat", "=get_or_create")


def test_forms_of_a_word_meet() -> None:
    assert terms("aliases")[0] == terms("aliasing")[0]
    assert terms("queries")[0] == terms("query")[0]


def test_words_that_say_nothing_have_no_terms() -> None:
    assert terms_of(words("the and self return")) == []


def test_a_text_is_cut_at_everything_that_is_not_part_of_a_name() -> None:
    found = ["a", "b", "c_d", "12", "3rd", "naïve"]

    assert words("a.b(c_d, 12, 3rd) – naïve") == found


def test_a_number_has_no_terms() -> None:
    assert terms_of(["2026", "3rd"]) == list(terms("3rd"))


@given(st.text())
def test_any_text_gives_terms_that_hold_no_capitals_but_odd_ones(text: str) -> None:
    for term in terms_of(words(text)):
        assert term
        assert term.removeprefix("=").isascii() <= (term == term.lower())
