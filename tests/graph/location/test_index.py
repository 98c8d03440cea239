import pytest
from hypothesis import given, strategies as st

from openhands_tiered_router.graph.location import index
from openhands_tiered_router.graph.location.index import FileIndex, file_worths
from openhands_tiered_router.graph.snapshot import CodeGraph


def worths_of(shop: CodeGraph, path: str) -> dict[str, float]:
    facts = shop.facts(path)
    assert facts is not None
    return file_worths(facts, None)


def test_names_are_worth_more_than_calls(shop: CodeGraph) -> None:
    defined = worths_of(shop, "shop/money.py")["=parse_amount"]
    called = worths_of(shop, "shop/cart.py")["=parse_amount"]

    assert 0 < called < defined < 1


def test_commit_subjects_add_terms(shop: CodeGraph) -> None:
    facts = shop.facts("shop/colours.py")
    assert facts is not None

    assert "palett" in file_worths(facts, {"palett": 1})
    assert "palett" not in file_worths(facts, None)


def test_a_rare_term_counts_more_than_a_common_one() -> None:
    made = FileIndex()
    for name in "abcdefgh":
        made.append(
            name, {"common": 0.5, "rare": 0.5} if name == "a" else {"common": 1}
        )

    weights = made.weigh({"common": 1.0, "rare": 1.0, "unknown": 1.0})

    assert weights["rare"] > weights["common"] > 0
    assert "unknown" not in weights


def test_a_file_far_behind_the_best_is_left_out() -> None:
    made = FileIndex()
    made.append("best", {"x": 1.0})
    made.append("near", {"x": 0.5})
    made.append("far", {"x": 0.1})

    assert set(made.scores({"x": 1.0})) == {"best", "near"}


def many_files() -> FileIndex:
    """Return 300 files that share `common` in growing worth; `rare` is in one."""
    made = FileIndex()
    for number in range(300):
        worths = {"common": number / 300} if number % 3 == 0 else {"other": 0.5}
        made.append(f"f{number}", worths | ({"rare": 1.0} if number == 150 else {}))
    return made


def test_common_terms_are_added_to_the_candidates(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = many_files()
    weights = made.weigh({"common": 1.0, "rare": 1.0})
    exact = made.scores(weights)
    monkeypatch.setattr(index, "BUDGET", 10)
    monkeypatch.setattr(index, "ALWAYS", 0)

    assert list(weights) == ["rare", "common"]
    assert made.scores(weights) == {"f150": exact["f150"]}


def test_a_question_of_common_terms_alone_is_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = many_files()
    exact = made.scores(made.weigh({"common": 1.0}))
    monkeypatch.setattr(index, "BUDGET", 10)

    assert made.scores(made.weigh({"common": 1.0})) == exact
    assert max(exact, key=exact.__getitem__) == "f297"


def test_of_very_many_terms_the_heaviest_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "TERMS", 1)
    made = many_files()

    assert list(made.weigh({"common": 9.0, "other": 1.0, "rare": 0.1})) == ["common"]


def test_a_term_in_nearly_every_file_is_not_looked_up() -> None:
    made = many_files()
    for number in range(300, 600):
        made.append(f"f{number}", {"common": 1.0})

    assert "common" not in made.weigh({"common": 1.0})


files = st.dictionaries(
    st.sampled_from("abcdef"),
    st.dictionaries(
        st.sampled_from(["x", "y", "z"]), st.sampled_from([0.25, 0.5, 1.0])
    ),
)


@given(
    st.lists(st.tuples(st.sampled_from("abcdef"), st.booleans()), max_size=30), files
)
def test_an_index_that_followed_edits_equals_a_fresh_one(
    edits: list[tuple[str, bool]], contents: dict[str, dict[str, float]]
) -> None:
    followed, kept = FileIndex(), {}
    for number, (path, drop) in enumerate(edits):
        if drop:
            followed.drop(path)
            kept.pop(path, None)
        else:
            worths = contents.get(path, {}) | ({"w": 0.5} if number % 2 else {})
            followed.put(path, worths)
            kept[path] = worths
    fresh = FileIndex()
    for path, worths in kept.items():
        fresh.append(path, worths)

    asked = {"w": 1.0, "x": 1.0, "y": 2.0, "z": 0.5}
    assert len(followed) == len(fresh)
    assert followed.weigh(asked) == fresh.weigh(asked)
    assert followed.scores(followed.weigh(asked)) == fresh.scores(fresh.weigh(asked))


def test_a_reader_keeps_what_it_holds_while_a_writer_changes_it() -> None:
    made = FileIndex()
    made.append("a", {"x": 1.0})
    before = made._postings["x"]

    made.put("b", {"x": 0.5})
    made.drop("a")

    assert before == [0, 1.0]
    assert made.scores({"x": 1.0}) == {"b": 0.5}


def test_a_question_during_which_a_file_is_added_is_asked_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = FileIndex()
    made.append("a", {"x": 1.0, "y": 1.0})
    pairs = index._pairs

    def meanwhile(postings: index.Postings) -> "zip[tuple[int, float]]":
        if len(made) == 1:
            made.put("b", {"x": 1.0})
        return pairs(postings)

    monkeypatch.setattr(index, "_pairs", meanwhile)
    assert made.scores({"y": 1.0, "x": 1.0}) == {"a": 2.0, "b": 1.0}
