"""Views are what a copy would be, and stay so."""

from hypothesis import given, strategies as st

from openhands_tiered_router.graph import contents
from openhands_tiered_router.graph.contents import Versions


KEYS = st.sampled_from([f"k{number}" for number in range(12)])
STEP = st.dictionaries(KEYS, st.one_of(st.none(), st.integers()), max_size=4)


@given(start=st.dictionaries(KEYS, st.integers()), steps=st.lists(STEP, max_size=12))
def test_every_view_equals_a_copy_made_then(start, steps):
    most, contents.MOST = contents.MOST, 5
    try:
        live = dict(start)
        table = Versions(live)
        kept = [(table.view(live), dict(live))]
        for step in steps:
            for key, value in step.items():
                if value is None:
                    live.pop(key, None)
                else:
                    live[key] = value
            kept.append((table.view(step), dict(live)))
    finally:
        contents.MOST = most
    for view, copy in kept:
        assert view == copy
        assert len(view) == len(copy)
        assert set(view) == view.keys() == copy.keys()
        for key in (f"k{number}" for number in range(12)):
            assert (key in view) == (key in copy)
            assert view.get(key) == copy.get(key)


def test_a_view_shares_what_did_not_change():
    live = {str(number): number for number in range(1_000)}
    table = Versions(live)
    first = table.view(live)
    live["7"] = -7
    second = table.view(["7"])
    assert first["7"] == 7
    assert second["7"] == -7
    assert isinstance(second, contents._View)
    assert second._base is first
