import msgspec
import pytest
from msgspec import Raw

from openhands_tiered_router.graph import worker
from openhands_tiered_router.graph.resolve.index import Index
from openhands_tiered_router.graph.resolve.interface import interface_of
from openhands_tiered_router.graph.resolve.layout import Layout
from openhands_tiered_router.graph.resolve.link import Linker
from openhands_tiered_router.graph.snapshot import CodeGraph


@pytest.mark.parametrize("at_hand", [1, 2, 1_000])
def test_what_was_learnt_encoded_gives_the_same_edges(
    shop: CodeGraph, monkeypatch: pytest.MonkeyPatch, at_hand: int
) -> None:
    monkeypatch.setattr(worker, "AT_HAND", at_hand)
    facts = [record.facts for record in shop.records.values()]
    interfaces = {found.path: interface_of(found) for found in facts}
    sent = worker.encode(worker.Learn(Layout(), interfaces))
    index = worker.learnt(msgspec.msgpack.decode(sent, type=worker.Learn[Raw]))
    linker = Linker(index)

    for found in facts:
        assert linker.link(found).edges == shop.records[found.path].edges
        assert len(index.interfaces) <= at_hand
    assert index.symbol("nowhere.py", "name") is None


def test_a_plain_index_knows_nothing_of_unknown_files() -> None:
    assert Index(Layout()).symbol("nowhere.py", "name") is None
