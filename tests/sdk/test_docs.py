"""docs/sdk.md names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path


TESTS = Path("tests")
NAMED = re.compile(r"`([\w/]+(?:\.py|/))(?:::(\w+)[^`]*)?`")


def test_every_test_that_the_page_names_exists() -> None:
    named = NAMED.findall(Path("docs/sdk.md").read_text(encoding="utf-8"))
    assert len(named) > 40
    for path, function in named:
        places = [TESTS / path, TESTS / "sdk" / "contract" / path, Path(path)]
        found = next((place for place in places if place.exists()), None)
        assert found is not None, path
        if function:
            assert f"def {function}(" in found.read_text(encoding="utf-8"), function
