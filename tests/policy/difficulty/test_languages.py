import pytest

from openhands_tiered_router.policy.difficulty.languages import (
    Concept,
    concepts_of,
    pair_concepts,
)


@pytest.mark.parametrize(
    "word",
    ["author", "authentic", "improve", "approve", "articles", "provençal", "classes"],
)
def test_a_stem_inside_a_word_is_no_hint(word: str) -> None:
    found = concepts_of(word)
    assert not found >> Concept.PROVE & 1
    assert not found >> Concept.DEFINE & 1
    assert not found >> Concept.SUMMARISE & 1


@pytest.mark.parametrize(
    ("word", "concept"),
    [
        ("prove", Concept.PROVE),
        ("derivation", Concept.PROVE),
        ("请证明下列不等式", Concept.PROVE),
        ("докажите", Concept.PROVE),
        ("architecture", Concept.DESIGN),
        ("設計してください", Concept.DESIGN),
        ("설계하세요", Concept.DESIGN),
        ("qué", Concept.QUESTION),
        ("cześć", Concept.GREETING),
    ],
)
def test_languages_share_concepts(word: str, concept: Concept) -> None:
    assert concepts_of(word) >> concept & 1


def test_two_words_may_hint_together() -> None:
    assert pair_concepts("chứng", "minh") >> Concept.PROVE & 1
    assert pair_concepts("at", "most") >> Concept.CONSTRAIN & 1
    assert not pair_concepts("most", "at")


def test_every_concept_has_stems_of_several_scripts() -> None:
    from openhands_tiered_router.policy.difficulty.languages import _stems

    stems = _stems()
    for concept in Concept:
        mine = [
            k for t in (stems.words, stems.starts) for k in t if t[k] >> concept & 1
        ]
        assert any(k.isascii() for k in mine), concept
        assert any("一" <= c <= "鿿" for k in mine for c in k), concept
        assert any("Ѐ" <= c <= "ӿ" for k in mine for c in k), concept
