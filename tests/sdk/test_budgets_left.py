"""Nothing is said of what is left of budgets where that is not known."""

from __future__ import annotations

from pathlib import Path

import pytest

from openhands_tiered_router.config import open_config
from openhands_tiered_router.sdk.budgets_left import budgets_left


CONFIG = """
[[tiers.simple.endpoints]]
model = "anthropic/claude-haiku-4-5"
[[tiers.complex.endpoints]]
model = "anthropic/claude-opus-4-5"
[[budgets]]
name = "day"
scope = "day"
usd = 5
[state]
"""


@pytest.mark.parametrize(
    ("state", "known"),
    [
        ('backend = "sqlite"\npath = "{}/state.sqlite3"', 1),
        ('backend = "sqlite"\npath = "{}/file/state.sqlite3"', 0),
        ('backend = "memory"', 0),
    ],
)
def test_only_shared_books_that_can_be_read_are_told(
    tmp_path: Path, state: str, known: int
) -> None:
    (tmp_path / "file").touch()
    config = tmp_path / "tiered-router.toml"
    config.write_text(CONFIG + state.format(tmp_path.as_posix()))
    read = open_config(str(config))
    found = list(budgets_left(read.budgets, read.state, shared_only=True))
    assert len(found) == known
