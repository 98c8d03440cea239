"""Our files are known again, and an edit is noticed."""

from __future__ import annotations

import pytest
from hypothesis import given, settings, strategies as st

from openhands_tiered_router.skill_kit.stamp import Origin, origin, stamped


TEXT = "---\nname: x\ndescription: y\n---\n# Title\n\nBody\n---\nmore\n"


def test_ours_until_somebody_edits_it() -> None:
    ours = stamped(TEXT)
    assert origin(ours) is Origin.OURS
    assert origin(ours.replace("Body", "Other")) is Origin.EDITED
    assert origin(ours.replace("name: x", "name: z")) is Origin.EDITED
    assert origin(TEXT) is Origin.FOREIGN


def test_line_ends_are_no_edit() -> None:
    assert origin(stamped(TEXT).replace("\n", "\r\n")) is Origin.OURS


@given(st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=200))
@settings(deadline=None)
def test_any_body(body: str) -> None:
    text = f"---\nname: x\n---\n{body}"
    assert origin(stamped(text)) is Origin.OURS
    assert origin(stamped(text) + "x") is Origin.EDITED


@pytest.mark.parametrize(
    "text", ["", "no frontmatter", "---\nmetadata:\n  a: b\n---\n"]
)
def test_needs_a_frontmatter(text: str) -> None:
    with pytest.raises(ValueError, match="frontmatter"):
        stamped(text)
