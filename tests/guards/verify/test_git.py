"""What changed, without a trace in the repository that anybody sees."""

from __future__ import annotations

from pathlib import Path

import pytest

from openhands_tiered_router.git import GitError
from openhands_tiered_router.guards.verify.git import Changed, Repository
from tests.guards.verify.conftest import PRICE, Project


def test_a_snapshot_holds_all_files_and_changes_nothing(project: Project) -> None:
    project.write(PRICE, "staged = 1\n")
    project.git("add", PRICE)
    project.write(PRICE, "changed = 1\n")
    project.write("new file.py", "new = 1\n")
    before = project.git("status", "--porcelain"), project.git("stash", "list")
    index = (project.root / ".git" / "index").read_bytes()
    repository = Repository.of(project.root)
    tree = repository.snapshot()
    assert project.git("show", f"{tree}:{PRICE}") == "changed = 1\n"
    assert "new file.py" in repository.files(tree)
    assert ".venv/bin/python" not in repository.files(tree)
    after = project.git("status", "--porcelain"), project.git("stash", "list")
    assert after == before
    assert (project.root / ".git" / "index").read_bytes() == index


def test_changes_tell_the_places(project: Project) -> None:
    project.write("a b/ünï.py", "".join(f"x{n} = {n}\n" for n in range(1, 10)))
    repository = Repository.of(project.root)
    base = repository.snapshot()
    lines = [f"x{n} = {n}\n" for n in range(1, 10)]
    lines[1] = "changed = 1\n@@ -1 +1 @@\n"
    del lines[6:8]
    project.write("a b/ünï.py", "".join(lines))
    (project.root / "README.md").unlink()
    project.write("new.py", "new = 1\n")
    assert repository.changes(base, repository.snapshot()) == (
        Changed("README.md", "D"),
        Changed("a b/ünï.py", "M", ((2, 3), (7, 7))),
        Changed("new.py", "A", ((1, 1),)),
    )


def test_the_tree_before_is_checked_out_elsewhere(project: Project) -> None:
    repository = Repository.of(project.root)
    base = repository.snapshot()
    before = (project.root / PRICE).read_text()
    project.write(PRICE, "changed = 1\n")
    with repository.checked_out(base) as copy:
        assert (copy / PRICE).read_text() == before
        assert project.root not in copy.parents
    assert not copy.exists()
    assert (project.root / PRICE).read_text() == "changed = 1\n"


def test_a_repository_without_a_commit_has_an_empty_tree(project: Project) -> None:
    project.git("update-ref", "-d", "HEAD")
    repository = Repository.of(project.root)
    changed = repository.changes(repository.head(), repository.snapshot())
    assert {c.status for c in changed} == {"A"}
    assert PRICE in {c.path for c in changed}


def test_a_part_of_a_repository_has_its_own_paths(project: Project) -> None:
    repository = Repository.of(project.root / "shop")
    base = repository.snapshot()
    project.write("shop/price.py", "changed = 1\n")
    project.write("README.md", "Outside.\n")
    now = repository.snapshot()
    assert [c.path for c in repository.changes(base, now)] == ["price.py"]
    assert "price.py" in repository.files(now)
    with repository.checked_out(base) as copy:
        assert (copy / "receipt.py").is_file()


def test_what_git_cannot_take_is_left_out_and_the_rest_is_seen(
    project: Project,
) -> None:
    repository = Repository.of(project.root)
    base = repository.snapshot()
    (project.root / "nested").mkdir()
    project.git("init", "-q", "nested")  # without a commit git refuses to add it
    project.write("nested/lost.py", "lost = 1\n")
    project.git("config", "core.autocrlf", "input")
    project.git("config", "core.safecrlf", "true")
    (project.root / "mixed.txt").write_bytes(b"one\r\ntwo\n")
    project.write("zz_new.py", "new = 1\n")
    changed = repository.changes(base, repository.snapshot())
    assert [(c.path, c.status) for c in changed] == [
        ("mixed.txt", "A"),
        ("zz_new.py", "A"),
    ]


def test_an_index_that_cannot_be_read_is_done_without(project: Project) -> None:
    before = Repository.of(project.root).snapshot()
    (project.root / ".git" / "index").write_bytes(b"nonsense" * 20)
    assert Repository.of(project.root).snapshot() == before


def test_no_repository_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(GitError, match="no git repository"):
        Repository.of(tmp_path)
