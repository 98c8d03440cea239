import pytest

from openhands_tiered_router.graph.resolve import tabled as module
from openhands_tiered_router.graph.resolve.index import Index
from openhands_tiered_router.graph.resolve.layout import Layout
from openhands_tiered_router.graph.resolve.tabled import Tabled, tabled


class Sums(Tabled):
    """Adds up what a name and those below it are worth; counts what it is asked."""

    def __init__(self) -> None:
        super().__init__(Index(Layout()))
        self.worth = {"a": 1, "b": 2, "c": 4}
        self.below = {"a": "b", "b": "", "c": ""}
        self.found: list[str] = []

    @tabled
    def total(self, name: str) -> int:
        self.found.append(name)
        self.reads.add(("worth", name))
        below = self.below[name]
        return self.worth[name] + ((self.total(below) or 0) if below else 0)


@pytest.fixture
def sums() -> Sums:
    made = Sums()
    assert [made.total(name) for name in "abc"] == [3, 2, 4]
    made.found.clear()
    return made


def test_answers_that_a_change_does_not_concern_are_kept(sums: Sums) -> None:
    sums.worth["b"] = 20
    sums.forget({("worth", "b")})

    assert [sums.total(name) for name in "abc"] == [21, 20, 4]
    assert sums.found == ["a", "b"]


def test_what_was_found_after_a_change_is_right_after_the_next(sums: Sums) -> None:
    for step in (1, 2, 3):
        sums.worth["b"] = step
        sums.forget({("worth", "b")})
        assert sums.total("a") == 1 + step
        sums.forget({("worth", "elsewhere")})
        assert sums.total("a") == 1 + step


def test_kept_answers_still_name_what_they_depend_on(sums: Sums) -> None:
    sums.forget({("worth", "elsewhere")})
    sums.start()
    sums.total("a")

    assert sums.found == []
    assert sums.reads == {("worth", "a"), ("worth", "b")}


@pytest.mark.parametrize("changed", [None, [("worth", str(n)) for n in range(9)]])
def test_a_change_of_everything_or_of_much_drops_all(
    sums: Sums, monkeypatch: pytest.MonkeyPatch, changed: list[tuple[str, str]] | None
) -> None:
    monkeypatch.setattr(module, "CHANGED", 8)
    sums.forget(changed)
    sums.total("c")

    assert sums.found == ["c"]
