"""A real repository with a history."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest


def git(directory: Path, *words: str) -> None:
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.invalid"]
    subprocess.run(["git", *identity, *words], cwd=directory, check=True)


@pytest.fixture
def make_repository(tmp_path: Path) -> Callable[..., Path]:
    def make(name: str = "shop", remote: str = "") -> Path:
        directory = tmp_path / name
        directory.mkdir()
        git(directory, "init", "-q")
        (directory / "pyproject.toml").write_text(f"[project]\nname = '{name}'\n")
        git(directory, "add", ".")
        git(directory, "commit", "-q", "-m", name)
        if remote:
            git(directory, "remote", "add", "origin", remote)
        return directory

    return make
