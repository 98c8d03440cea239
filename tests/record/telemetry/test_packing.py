"""What is packed comes back, and ids that are equal stay equal."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given, strategies as st

from openhands_tiered_router.record.telemetry.packing import (
    MILLIONTH,
    SHORT_ID,
    foreign_id,
    foreign_id_text,
    is_unlike,
    own_id,
    own_id_text,
    packed,
    scaled,
    unpacked,
    unscaled,
)


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=600)


@given(texts, st.none() | texts)
def test_a_text_comes_back(text: str, like: str | None) -> None:
    base = None if like is None else packed(like)
    assert unpacked(packed(text, base), base) == text


def test_what_is_like_another_is_small() -> None:
    first = "".join(f"dimension {n} is {n * n}, " for n in range(60))
    second = first.replace("dimension 7 is 49", "dimension 7 is 50")
    base = packed(first)
    assert is_unlike(first, None)
    assert not is_unlike(second, base)
    assert len(packed(second, base)) < 30
    assert is_unlike("".join(chr(300 + n * 7) for n in range(400)), base)


@pytest.mark.parametrize("body", [b"\xff", b"\x01garbage", b"\x01"])
def test_what_is_broken_or_of_a_later_release_is_a_value_error(body: bytes) -> None:
    with pytest.raises(ValueError, match="not readable"):
        unpacked(body)


@given(st.uuids() | st.text(st.characters(codec="ascii"), min_size=1, max_size=40))
def test_own_ids_come_back(name: UUID | str) -> None:
    assert own_id_text(own_id(str(name))) == str(name)


def test_a_uuid_takes_its_sixteen_bytes() -> None:
    assert own_id("0190163d-8694-739b-aea5-966c26f8ad91") == bytes.fromhex(
        "0190163d8694739baea5966c26f8ad91"
    )
    # Written in another way it would not come back as it was.
    assert own_id("0190163D-8694-739B-AEA5-966C26F8AD91") == (
        "0190163D-8694-739B-AEA5-966C26F8AD91"
    )


@given(st.text(st.characters(codec="ascii"), max_size=60))
def test_foreign_ids_mean_the_same_after_reading_as_before(name: str) -> None:
    stored = foreign_id(name)
    assert foreign_id(foreign_id_text(stored)) == stored
    assert isinstance(stored, str) == (len(name) <= SHORT_ID)


@given(st.floats())
def test_numbers_keep_six_decimals_and_zero_means_zero(value: float) -> None:
    stored = scaled(value, MILLIONTH)
    if stored is None:
        assert not abs(value) < 2**62 / MILLIONTH
        return
    assert (stored == 0) == (value == 0)
    assert unscaled(stored, MILLIONTH) == pytest.approx(value, rel=1e-9, abs=1e-6)
