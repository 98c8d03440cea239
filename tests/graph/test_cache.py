"""The cache is trusted only as far as it can be, and never missed."""

import os
import sqlite3
import time

import pytest

from openhands_tiered_router.graph import cache as cache_module, pool
from openhands_tiered_router.graph.cache import Cache, default_path
from openhands_tiered_router.graph.refresh import Refresher

from .test_update import state


@pytest.fixture
def tree(tmp_path):
    root = tmp_path / "tree"
    root.mkdir()
    (root / "a.py").write_text("def f(): pass\n")
    (root / "b.py").write_text("from a import f\nf()\n")
    (root / "bin.py").write_bytes(b"\0")
    return root


def build(root, cache):
    refresher = Refresher(root, cache=cache)
    graph = refresher.start().graph
    refresher.close()
    return graph


@pytest.fixture
def reads(monkeypatch):
    """Paths that are read from now on."""
    found = []

    def noted(root, path):
        found.append(path)
        return real(root, path)

    real = pool.reply_to
    monkeypatch.setattr(pool, "reply_to", noted)
    return found


def age(root):
    for path in root.iterdir():
        os.utime(path, ns=(10**18, 10**18))


def test_a_second_start_reads_nothing(tree, tmp_path, reads):
    age(tree)
    first = build(tree, tmp_path / "c.sqlite")
    reads.clear()
    second = build(tree, tmp_path / "c.sqlite")
    assert reads == []
    assert state(second) == state(first)
    assert second.skipped == first.skipped == {"binary": 1}


def test_only_what_changed_in_between_is_read(tree, tmp_path, reads):
    age(tree)
    build(tree, tmp_path / "c.sqlite")
    (tree / "a.py").write_text("def g(): pass\n")
    reads.clear()
    second = build(tree, tmp_path / "c.sqlite")
    assert reads == ["a.py"]
    assert state(second) == state(build(tree, tmp_path / "other.sqlite"))


def test_a_file_changed_within_the_clock_tick_is_read_again(tree, tmp_path, reads):
    build(tree, tmp_path / "c.sqlite")
    stamp = (tree / "a.py").stat().st_mtime_ns
    (tree / "a.py").write_text("def g(): pass\n")
    os.utime(tree / "a.py", ns=(stamp, stamp))
    reads.clear()
    graph = build(tree, tmp_path / "c.sqlite")
    if "a.py" in reads:  # the build took less than a tick
        assert graph.definition("a.py::g")


@pytest.mark.parametrize("damage", ["garbage", "truncated", "row", "version", "root"])
def test_a_cache_that_is_of_no_use_is_made_again(tree, tmp_path, damage):
    path = tmp_path / "c.sqlite"
    expected = state(build(tree, path))
    if damage == "garbage":
        path.write_bytes(b"no database at all" * 500)
    elif damage == "truncated":
        path.write_bytes(path.read_bytes()[:5_000])
    else:
        with sqlite3.connect(path) as db:
            if damage == "row":
                db.execute("update body set facts=x'93c0' where path='a.py'")
            elif damage == "version":
                db.execute("update meta set value='0' where key='format'")
            else:
                db.execute("update meta set value='/other' where key='root'")
        db.close()
    assert state(build(tree, path)) == expected
    assert state(build(tree, path)) == expected


def test_edges_of_another_state_are_linked_anew(tree, tmp_path):
    path = tmp_path / "c.sqlite"
    expected = state(build(tree, path))
    with sqlite3.connect(path) as db:
        db.execute("update meta set value='?' where key='fingerprint'")
        db.execute("update summary set links=x'90'")
        rows = db.execute("select path, linked from body").fetchall()
        other = dict(rows)["a.py"]
        db.execute("update body set linked=? where path='b.py'", (other,))
    db.close()
    assert state(build(tree, path)) == expected


def test_a_place_that_cannot_be_written_is_done_without(tree, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    graph = build(tree, blocked / "c.sqlite")
    assert graph.definition("a.py::f")


def test_the_cache_is_the_users_own_and_outside_of_the_workspace(tree, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tree.parent / "cache"))
    path = default_path(tree)
    assert not path.is_relative_to(tree)
    cache = Cache(path, tree)
    assert cache.open()
    cache.close()
    assert path.stat().st_mode & 0o077 == 0


def test_a_save_that_fails_half_way_leaves_the_state_before(tree, tmp_path):
    path = tmp_path / "c.sqlite"
    build(tree, path)
    (tree / "a.py").write_text("def g(): pass\n")
    refresher = Refresher(tree, cache=path)
    writer = refresher.start()
    with sqlite3.connect(path) as db:  # another process fills the disk, in effect
        db.execute(
            "create trigger t before insert on summary begin"
            " select raise(abort, 'full'); end"
        )
    db.close()
    refresher.close()
    with sqlite3.connect(path) as db:
        db.execute("drop trigger t")
        (facts,) = db.execute("select facts from body where path='a.py'").fetchone()
    db.close()
    assert b"g" not in facts
    assert state(build(tree, path)) == state(writer.graph)


def test_a_new_cache_deletes_those_that_nobody_opened_for_long(tmp_path, monkeypatch):
    monkeypatch.setattr(cache_module, "MOST_BYTES", 2_500)
    now = time.time()
    ages = {"a": 31, "b": 29, "c": 1, "d": 2}
    for letter, days in ages.items():
        for ending in (".sqlite", ".where.sqlite", ".sqlite-wal"):
            file = tmp_path / f"{letter * 32}{ending}"
            file.write_bytes(b"x" * 300)
            os.utime(file, (now, now - days * 86_400))
    other = tmp_path / "notes.sqlite"
    other.touch()
    os.utime(other, (now, 0))
    path = tmp_path / f"{'e' * 32}.sqlite"

    assert Cache(path, tmp_path).open()

    left = {file.name[0] for file in tmp_path.iterdir()}
    # a is old; c and d fill what is allowed, so that b goes, too
    assert left == {"c", "d", "e", "n"}


def test_opening_a_cache_keeps_it(tmp_path):
    path = tmp_path / f"{'a' * 32}.sqlite"
    first = Cache(path, tmp_path)
    assert first.open()
    first.close()
    os.utime(path, (0, 0))
    again = Cache(path, tmp_path)
    assert again.open()
    assert Cache(tmp_path / f"{'b' * 32}.sqlite", tmp_path).open()

    assert path.exists()
