from hypothesis import given, strategies as st

from openhands_tiered_router.graph.git_history import FileHistory
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
    history = FileHistory(commits=1, churn=1.0, terms={"palett": 1})

    assert "palett" in file_worths(facts, history)
    assert "palett" not in file_worths(facts, None)


def test_a_rare_term_counts_more_than_a_common_one() -> None:
    index = FileIndex()
    for name in "abcdefgh":
        index.append(
            name, {"common": 0.5, "rare": 0.5} if name == "a" else {"common": 1}
        )

    weights = index.weigh({"common": 1.0, "rare": 1.0, "unknown": 1.0})

    assert weights["rare"] > weights["common"] > 0
    assert "unknown" not in weights


def test_a_file_far_behind_the_best_is_left_out() -> None:
    index = FileIndex()
    index.append("best", {"x": 1.0})
    index.append("near", {"x": 0.5})
    index.append("far", {"x": 0.1})

    assert set(index.scores({"x": 1.0})) == {"best", "near"}


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
    index = FileIndex()
    index.append("a", {"x": 1.0})
    before = index._postings["x"]

    index.put("b", {"x": 0.5})
    index.drop("a")

    assert before.files == [0]
    assert index.scores({"x": 1.0}) == {"b": 0.5}
