"""Repositories to resolve issues in, and a forge on this machine."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.resolver.forge_server import ForgeServer, serving


@pytest.fixture
def server() -> Iterator[ForgeServer]:
    with serving() as forge:
        yield forge


def git(directory: Path, *arguments: str) -> str:
    identity = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@localhost"}
    identity |= {"GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@localhost"}
    return subprocess.run(
        ["git", *arguments],
        cwd=directory,
        env={**os.environ, **identity},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A repository with one commit."""
    root = tmp_path / "project"
    root.mkdir()
    (root / "code.py").write_text("value = 1\n")
    (root / "pyproject.toml").write_text("[project]\n")
    (root / ".gitignore").write_text("ignored/\n")
    git(root, "init", "-q", "-b", "trunk")
    git(root, "add", "--all")
    git(root, "commit", "-q", "-m", "First")
    return root


@pytest.fixture
def run_git() -> Callable[..., str]:
    return git
