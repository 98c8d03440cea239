"""What a scan takes in and leaves out, on trees made to be difficult."""

import os

import pytest

from openhands_tiered_router.graph.scan import SIZE_LIMIT, scan


def make(root, *paths, text="x = 1\n"):
    for path in paths:
        full = root / path
        full.parent.mkdir(parents=True, exist_ok=True)
        full.write_text(text)


def test_ignore_files_are_read_as_git_reads_them(tmp_path):
    make(
        tmp_path, "a.py", "gen/b.py", "gen/keep.py", "sub/c.py", "sub/d.py", "e.log.py"
    )
    (tmp_path / ".gitignore").write_text(
        "/gen/*\n!/gen/keep.py\n*.log.py\n# a comment\n"
    )
    (tmp_path / "sub" / ".gitignore").write_text("c.py\n")
    listing = scan(tmp_path)
    assert list(listing.files) == ["a.py", "gen/keep.py", "sub/d.py"]
    assert listing.skipped == {"ignored": 3}


def test_a_deeper_ignore_file_wins(tmp_path):
    make(tmp_path, "a.py", "sub/a.py")
    (tmp_path / ".gitignore").write_text("a.py\n")
    (tmp_path / "sub" / ".gitignore").write_text("!a.py\n")
    assert list(scan(tmp_path).files) == ["sub/a.py"]


def test_broken_ignore_patterns_are_no_reason_to_stop(tmp_path):
    make(tmp_path, "a.py")
    (tmp_path / ".gitignore").write_bytes(b"[\n\xff\n!\n***\n\\\n")
    assert list(scan(tmp_path).files) == ["a.py"]


def test_vendored_and_output_directories_are_left_out(tmp_path):
    make(tmp_path, "a.py", "node_modules/x/i.js", "build/b.py", "env/pyvenv.cfg")
    make(tmp_path, "env/lib/c.py", ".git/hooks/h.py")
    listing = scan(tmp_path)
    assert list(listing.files) == ["a.py"]
    assert listing.skipped == {"vendored": 2, "output": 1}


def test_output_directories_count_where_an_ignore_file_does_not_name_them(tmp_path):
    make(tmp_path, "build/b.py")
    (tmp_path / ".gitignore").write_text("*.pyc\n")
    assert list(scan(tmp_path).files) == ["build/b.py"]


def test_links_are_not_followed(tmp_path):
    outside = tmp_path / "outside"
    inside = tmp_path / "inside"
    make(tmp_path, "outside/secret.py", "inside/a.py")
    os.symlink(outside, inside / "dir")
    os.symlink(outside / "secret.py", inside / "file.py")
    os.symlink(inside, inside / "loop")
    listing = scan(inside)
    assert list(listing.files) == ["a.py"]
    assert listing.skipped == {"symlink": 1}


def test_large_files_and_devices_are_left_out(tmp_path):
    make(tmp_path, "a.py", text="x" * (SIZE_LIMIT + 1))
    os.mkfifo(tmp_path / "pipe.py")
    listing = scan(tmp_path)
    assert listing.files == {}
    assert listing.skipped == {"too large": 1, "not a file": 1}


def test_names_that_differ_in_case_are_two_files(tmp_path):
    make(tmp_path, "a.py", "A.py", "B.PY")
    assert list(scan(tmp_path).files) == ["A.py", "B.PY", "a.py"]


def test_names_that_are_not_unicode_are_counted(tmp_path):
    try:
        (tmp_path / os.fsdecode(b"\xff.py")).write_text("")
    except OSError:
        pytest.skip("this file system has only Unicode names")
    listing = scan(tmp_path)
    assert listing.files == {}
    assert listing.skipped == {"unreadable": 1}


def test_a_missing_root_is_an_empty_workspace(tmp_path):
    listing = scan(tmp_path / "nowhere")
    assert listing.files == {}
    assert listing.skipped == {"unreadable": 1}


def test_manifests_are_reported_with_their_state(tmp_path):
    make(tmp_path, "go.mod", "web/package.json", text="{}")
    first = scan(tmp_path)
    assert first.manifests == ("go.mod", "web/package.json")
    (tmp_path / "go.mod").write_text("module x\n")
    assert scan(tmp_path).stamps != first.stamps
