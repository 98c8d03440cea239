"""What a git diff touches, with real repositories."""

import subprocess
from pathlib import Path

import pytest

from openhands_tiered_router.git import GitError
from openhands_tiered_router.graph.build import build_graph
from openhands_tiered_router.graph.changes import Changed, changed_nodes


def git(root: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=n", "-c", "user.email=e", "-c", "commit.gpgsign=false")
    subprocess.run(("git", *identity, *arguments), cwd=root, check=True)


@pytest.fixture
def repository(project: Path) -> Path:
    git(project, "init", "-q")
    git(project, "add", ".")
    git(project, "commit", "-q", "-m", "Start")
    return project


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def changed(root: Path, revision: str = "HEAD") -> Changed:
    return changed_nodes(build_graph(root, persistent=False), revision)


def test_nothing_changed(repository: Path) -> None:
    assert changed(repository) == Changed((), ())


def test_edits_new_and_gone_files(repository: Path) -> None:
    edit(repository / "shop/cart.py", "return self.total()", "return None")
    edit(repository / "shop/money.py", "    return Money()\n", "")
    (repository / "shop/new.py").write_text("def new():\n    -1\n")
    (repository / "shop/colours.py").unlink()

    assert changed(repository) == Changed(
        (
            "shop/cart.py::Cart.checkout",
            "shop/money.py::parse_amount",
            "shop/new.py",
            "shop/new.py::new",
        ),
        ("shop/colours.py",),
    )


def test_another_revision_and_a_directory(repository: Path) -> None:
    edit(repository / "shop/web.py", "Cart().checkout()", "None")
    git(repository, "commit", "-qam", "Change")

    assert changed(repository).nodes == ()
    assert changed(repository, "HEAD~1").nodes == ("shop/web.py::handle_request",)
    assert changed(repository / "shop", "HEAD~1").nodes == ("web.py::handle_request",)


def test_a_change_outside_of_definitions_is_the_file(repository: Path) -> None:
    edit(repository / "shop/web.py", "from shop.cart import Cart\n", "")

    assert changed(repository).nodes == ("shop/web.py",)


def test_faults_are_named(repository: Path) -> None:
    with pytest.raises(GitError):
        changed(repository, "no-such-branch")
    with pytest.raises(GitError):
        changed(repository, "--output=x")
