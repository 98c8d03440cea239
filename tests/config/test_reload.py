"""Noticing that files change, and that they have settled."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from openhands_tiered_router.config import load_config
from openhands_tiered_router.config.reload import FileWatch, watched_files


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "c.toml"
    path.write_text("a = 1\n")
    return path


def test_nothing_changed(path: Path) -> None:
    watch = FileWatch([path])
    assert [watch.changed() for _ in range(3)] == [False] * 3


def test_a_change_is_told_once_and_only_when_it_has_settled(path: Path) -> None:
    watch = FileWatch([path])
    for text in ("a", "a =", "a = 2"):  # somebody is writing
        path.write_text(text)
        assert not watch.changed()
    assert watch.changed()
    assert not watch.changed()


def test_what_was_undone_before_it_settled_is_no_change(tmp_path: Path) -> None:
    first, second, link = (tmp_path / n for n in ("1.toml", "2.toml", "c.toml"))
    first.write_text("a = 1\n")
    second.write_text("a = 2\n")
    link.symlink_to(first)
    watch = FileWatch([link])
    link.unlink()
    link.symlink_to(second)
    assert not watch.changed()
    link.unlink()
    link.symlink_to(first)
    assert not watch.changed()
    assert not watch.changed()


def test_a_deleted_file_and_its_return_are_changes(path: Path) -> None:
    watch = FileWatch([path])
    path.unlink()
    assert [watch.changed(), watch.changed()] == [False, True]
    path.write_text("a = 1\n")
    assert [watch.changed(), watch.changed()] == [False, True]


def test_permissions_are_a_change_both_ways(path: Path) -> None:
    watch = FileWatch([path])
    for mode in (0o000, 0o600):
        path.chmod(mode)
        assert [watch.changed(), watch.changed()] == [False, True]


def test_a_swapped_link_as_kubernetes_swaps_it(tmp_path: Path) -> None:
    """The file is a link through ``..data``, which is renamed over."""
    for version in ("v1", "v2"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "c.toml").write_text("a = 1\n")
        os.utime(tmp_path / version / "c.toml", (1, 1))
    (tmp_path / "..data").symlink_to("v1")
    (tmp_path / "c.toml").symlink_to("..data/c.toml")
    watch = FileWatch([tmp_path / "c.toml"])
    (tmp_path / "..new").symlink_to("v2")
    os.rename(tmp_path / "..new", tmp_path / "..data")
    assert [watch.changed(), watch.changed()] == [False, True]


def test_a_file_that_was_taken_note_of_is_no_change(path: Path) -> None:
    watch = FileWatch([path])
    path.write_text("a = 22\n")
    watch.take()
    assert not watch.changed()
    assert not watch.changed()


def test_what_a_configuration_names_is_watched_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OH_PERSISTENCE_DIR", str(tmp_path))
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "big.json").write_text('{"model": "openai/gpt-4o"}')
    path = tmp_path / "c.toml"
    path.write_text(
        'policy.fitted = "mine.json"\n[[tiers.complex.endpoints]]\nprofile = "big"\n'
    )
    found = watched_files(load_config(path), path)
    assert found == (path, tmp_path / "profiles" / "big.json", tmp_path / "mine.json")
    watch = FileWatch([path])
    watch.follow(found)
    (tmp_path / "mine.json").write_text("{}")
    assert [watch.changed(), watch.changed()] == [False, True]
