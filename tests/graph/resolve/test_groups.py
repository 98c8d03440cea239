from collections import defaultdict

from hypothesis import given, strategies as st

from openhands_tiered_router.graph.resolve.groups import Groups


CHANGES = st.lists(
    st.tuples(st.sampled_from("ab"), st.sampled_from(["x", "y", "z"]), st.booleans())
)


@given(CHANGES)
def test_groups_are_sets_by_key(changes: list[tuple[str, str, bool]]) -> None:
    groups = Groups[str]()
    expected: defaultdict[str, set[str]] = defaultdict(set)
    for key, member, present in changes:
        groups.put(key, member, present)
        if present:
            expected[key].add(member)
        else:
            expected[key].discard(member)
    assert {key: set(groups.get(key)) for key in "ab"} == {
        key: expected[key] for key in "ab"
    }
    assert all(len(groups.get(key)) == len(expected[key]) for key in "ab")
    assert groups._members.keys() == {key for key in "ab" if expected[key]}
