"""What commands of an agent can see of this process's environment."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from openhands_tiered_router.resolver.hidden import hidden


SECRET = {
    "GITHUB_TOKEN": "t1",
    "CI_JOB_TOKEN": "t2",
    "ANTHROPIC_API_KEY": "t3",
    "AWS_SECRET_ACCESS_KEY": "t4",
    "NPM_AUTH": "t5",
    "DB_PASSWORD": "t6",
    "DATABASE_URL": "postgres://user:t7@host/db",
    "SSH_AUTH_SOCK": "/t8",
    "MY_MODEL": "t9",
}
PLAIN = {"PATH": os.environ["PATH"], "KEYBOARD": "qwerty", "TOKENIZERS": "1"}


def seen() -> str:
    return subprocess.run(["env"], capture_output=True, text=True, check=True).stdout


def test_credentials_are_gone_and_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**SECRET, **PLAIN, "HTTPS_PROXY": "http://u:p@proxy"}.items():
        monkeypatch.setenv(name, value)
    before = dict(os.environ)
    with hidden(["MY_MODEL"]):
        inside = seen()
    assert [n for n in SECRET if f"{n}=" in inside] == []
    assert [n for n in (*PLAIN, "HTTPS_PROXY") if f"{n}=" not in inside] == []
    assert dict(os.environ) == before


def test_what_is_to_be_kept_is(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SECRET.items():
        monkeypatch.setenv(name, value)
    with hidden(["MY_MODEL"], ["AWS_*", "MY_MODEL"]):
        inside = seen()
    assert "AWS_SECRET_ACCESS_KEY=t4" in inside
    assert "MY_MODEL=" not in inside, "a model's key is never kept"


def test_git_finds_no_credentials_of_the_users(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = tmp_path / "config"
    config.write_text("[credential]\n\thelper = store\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    words = ["git", "config", "credential.helper"]
    assert subprocess.run(words, check=False, capture_output=True).returncode == 0
    with hidden():
        assert subprocess.run(words, check=False, capture_output=True).returncode == 1
    assert os.environ["GIT_CONFIG_GLOBAL"] == str(config)


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone has the setting")
def test_other_processes_may_not_look_into_this_one() -> None:
    prctl = "import ctypes; print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))"
    program = f"""
from openhands_tiered_router.resolver.hidden import hidden
{prctl}
with hidden():
    {prctl}
{prctl}
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["1", "0", "1"]
