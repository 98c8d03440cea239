from pathlib import Path

from hypothesis import given, strategies as st

from openhands_tiered_router.graph.extract import unparsed
from openhands_tiered_router.graph.impact import levels
from openhands_tiered_router.graph.model import FileRecord
from openhands_tiered_router.graph.reach import TEST_STEPS, Reaches
from openhands_tiered_router.graph.snapshot import CodeGraph


def test_reach_is_what_the_steps_back_reach(shop: CodeGraph) -> None:
    reaches = Reaches(shop)
    for path in shop.files:
        found = reaches.of(path)
        steps = list(levels(shop.file_graph, (path,)))
        assert found.dependents == reaches.bits(set().union(*steps))
        near = {path}.union(*steps[:TEST_STEPS])
        assert found.is_tested == any(shop.files[p].is_test for p in near)
    assert reaches.asked == list(shop.files)


@given(st.data())
def test_a_set_of_files_has_a_bit_for_each(data: st.DataObject) -> None:
    paths = data.draw(st.sets(st.text(max_size=3)))
    chosen = data.draw(st.sets(st.sampled_from(sorted(paths)))) if paths else set()
    graph = CodeGraph.of(Path(), {p: FileRecord(unparsed(p, b"")) for p in paths})
    reaches = Reaches(graph)
    assert reaches.bits(chosen).bit_count() == len(chosen)
