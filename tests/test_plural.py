import pytest

from openhands_tiered_router.plural import counted


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0 files"), (1, "1 file"), (2, "2 files"), (12_345, "12,345 files")],
)
def test_one_is_singular(number: int, text: str) -> None:
    assert counted(number, "file") == text


def test_an_irregular_plural() -> None:
    assert counted(2, "community", "communities") == "2 communities"
    assert counted(1, "community", "communities") == "1 community"
