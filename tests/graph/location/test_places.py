import pytest

from openhands_tiered_router.graph.location.places import PlaceIndex


@pytest.fixture
def places() -> PlaceIndex:
    index = PlaceIndex()
    for path in (
        "app/db/models/query.py",
        "app/db/models/__init__.py",
        "app/db/query.py",
        "app/views.py",
        *(f"plugin{n}/setup.py" for n in range(4)),
    ):
        index.put(path)
    return index


def test_a_path_from_a_traceback_is_found_by_its_end(places: PlaceIndex) -> None:
    found = places.by_path("usr/lib/site-packages/app/db/models/query.py")

    assert found == ("app/db/models/query.py",)


def test_a_name_alone_stands_for_all_of_its_files(places: PlaceIndex) -> None:
    assert set(places.by_path("query.py")) == {
        "app/db/models/query.py",
        "app/db/query.py",
    }


def test_a_name_that_is_everywhere_stands_for_none(places: PlaceIndex) -> None:
    assert places.by_path("setup.py") == ()


def test_a_dotted_name_may_go_on_into_the_file(places: PlaceIndex) -> None:
    found = places.by_module("app.db.models.query.QuerySet.filter")

    assert found == ("app/db/models/query.py",)


def test_a_package_is_its_own_file(places: PlaceIndex) -> None:
    assert places.by_module("db.models") == ("app/db/models/__init__.py",)
    assert places.by_module("db::models") == ("app/db/models/__init__.py",)


def test_a_dropped_file_is_not_found(places: PlaceIndex) -> None:
    places.drop("app/views.py")

    assert places.by_path("app/views.py") == ()
    assert places.by_module("app.views") == ()


def test_one_word_is_no_dotted_name(places: PlaceIndex) -> None:
    assert places.by_module("views") == ()
