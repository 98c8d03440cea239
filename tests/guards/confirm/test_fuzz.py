"""Lines that the grammar derives, run in a real bash that is watched.

Each generated line that is called safe runs in an interactive bash under ``strace``: it
may execute only the programs that stand in it, open no secret and nothing outside the
workspace that a user planted, and change no file. ``CONFIRM_FUZZ=20000`` for more than
the default, always the same; ``--hypothesis-profile=default`` for others.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, event, given, settings, strategies as st

from openhands_tiered_router.guards.confirm.commands import judge_command
from openhands_tiered_router.guards.confirm.paths import Places, is_secret
from openhands_tiered_router.guards.confirm.programs import ROWS
from openhands_tiered_router.guards.confirm.verdict import Level


EXAMPLES = int(os.environ.get("CONFIRM_FUZZ", "150"))
SLOW = {"sleep", "free", "ps", "docker", "java", "npm", "go", "cargo", "uv", "clear"}
HELPERS = {
    "git",
    "grep",
    "python3",
    "node",
    "cc1",
    "gcc",
    "less",
    "pager",
    "dash",
    "sh",
}

PROGRAMS = sorted({" ".join(key) for key in (*ROWS, ("echo",)) if key[0] not in SLOW})
PATHS = (
    *("a.txt", "src/b.py", "src", ".", "..", "../out/secret.txt", "link", "links/k"),
    *(".env", "prod.key", "*.txt", "*", "s*", ".e*", "prod.k*", "bare", "/etc/passwd"),
    *("evil.sh", "-", "--", "'a.txt'", '"src/b.py"', "$HOME/x", "~/x", "-x", "new"),
    *("HEAD", "HEAD:.env", "HEAD:a.txt", "src/../a.txt", "/proc/self/environ"),
)
TEXTS = (
    *("x", "'x y'", '"x"', "1", "5", "''", "'1p'", "'1e id'", "'{print $1}'", "'.a'"),
    *(
        "'BEGIN{system(\"sh evil.sh\")}'",
        "'w new'",
        "%s",
        "%n",
        "aux",
        "+%F",
        "'$(id)'",
    ),
    *("'s/a/b/'", "'s/a/b/w new'", '"$(sh evil.sh)"', "`id`", "\\;", "{}", "'*.py'"),
    *("sh", "evil.sh", "x=1", "status", "log", "show", "diff", "grep", "ls-files"),
)
OPTIONS = (
    *("-n", "-r", "-l", "-o", "-f", "-c", "-e", "-i", "-s", "-a", "-v", "-la", "-5"),
    *("--output=new", "--pre=sh", "-exec", "-delete", "-name", "-C", "--version"),
    *("-o new", "--compress-program=sh", "-type f", "--stat", "-p", "-t", "--files"),
    *("--files0-from=.env", "--include=*.py", "--include=.env", "-print", "-R"),
    *("-e ''", "-e -5", "-w", "-U", "-ps", "--pretty", "-e --", "--unified", "-bc"),
)
JOINS = (" && ", " || ", "; ", " | ", "&&", "|", " & ", "\n", " > ", " < ", " 2>&1 | ")
ENDS = ("", "", "", " 2>/dev/null", " > new", " >/dev/null 2>&1", " &", " # x", ";")

WORDS = st.one_of(
    st.sampled_from(PATHS), st.sampled_from(TEXTS), st.sampled_from(OPTIONS)
)
COMMANDS = st.tuples(
    st.one_of(
        st.sampled_from(PROGRAMS),
        st.sampled_from(["cd src", "cd bare", "cd ..", "cd link", "sh", "python3"]),
    ),
    st.lists(WORDS, max_size=3),
).map(lambda c: " ".join([c[0], *c[1]]))
LINES = st.tuples(
    COMMANDS, st.lists(st.tuples(st.sampled_from(JOINS), COMMANDS), max_size=2),
    st.sampled_from(ENDS),
).map(lambda t: t[0] + "".join(j + c for j, c in t[1]) + t[2])  # fmt: skip


def git(root: Path, *words: str) -> None:
    who = ("-c", "user.name=n", "-c", "user.email=e", "-c", "commit.gpgsign=false")
    subprocess.run(("git", *who, *words), cwd=root, check=True, capture_output=True)


@pytest.fixture(scope="module")
def jail(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("jail")
    work, out = root / "work", root / "out"
    (work / "src").mkdir(parents=True)
    out.mkdir()
    (out / "secret.txt").write_text("secret\n")
    for name in ("a.txt", "src/b.py", ".env", "prod.key"):
        (work / name).write_text("x y\n1 2\n")
    (work / "evil.sh").write_text(f"#!/bin/sh\ntouch {root}/ran\n")
    (work / "evil.sh").chmod(0o755)
    (work / "link").symlink_to(out / "secret.txt")
    (work / "links").mkdir()
    (work / "links" / "k").symlink_to(out)
    bare = work / "bare"
    git(work, "init", "-q", "--bare", str(bare))
    git(bare, "config", "core.fsmonitor", f"{work}/evil.sh")
    git(bare, "config", "core.bare", "false")
    git(bare, "config", "core.worktree", ".")
    git(work, "init", "-q")
    git(work, "add", "a.txt", "src")
    git(work, "commit", "-q", "-m", "Begin")
    return root


def state(work: Path) -> dict[str, tuple[int, bytes]]:
    files = [p for p in work.rglob("*") if p.is_file() and not p.is_symlink()]
    return {str(p): (p.stat().st_mode, p.read_bytes()) for p in files}


@pytest.mark.skipif(
    not (shutil.which("strace") and shutil.which("bash")), reason="needs strace"
)
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
@given(LINES)
def test_what_is_called_safe_only_reads(jail: Path, line: str) -> None:
    work = jail / "work"
    if judge_command(line, Places(str(work))).level is not Level.LOW:
        return
    event("called safe")
    watch(jail, line)


@pytest.mark.skipif(not shutil.which("strace"), reason="needs strace")
@pytest.mark.parametrize(
    "line",
    ["sh evil.sh", "cat .env", "cat link", "cat a.txt > new", "cd bare && git status"],
)
def test_the_watch_notices_what_is_not_safe(jail: Path, line: str) -> None:
    """Else the test above could not fail."""
    with pytest.raises(AssertionError):
        watch(jail, line)
    (jail / "ran").unlink(missing_ok=True)
    (jail / "work" / "new").unlink(missing_ok=True)


def watch(jail: Path, line: str) -> None:
    work, log = jail / "work", jail / "log"
    before = state(work)
    subprocess.run(
        ["strace", "-f", "-qq", "-e", "trace=execve,open,openat,creat", "-o", str(log),
         "bash", "--norc", "--noprofile", "-i"],
        input=line.encode() + b"\n",
        cwd=work,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(jail), "PAGER": "cat",
             "HISTFILE": "", "LC_ALL": "C"},
        capture_output=True,
        timeout=60,
        check=False,
    )  # fmt: skip
    assert not (jail / "ran").exists(), line
    assert state(work) == before, line
    allowed = set(re.findall(r"[A-Za-z0-9_]+", line)) | HELPERS - {"sh", "dash"}
    text = log.read_text(errors="replace")
    ran = re.findall(r'execve\("([^"]+)", \[.*\) = 0', text)[1:]
    assert {Path(path).name for path in ran} <= allowed | {"bash"}, (line, ran)
    opened = re.findall(
        r'open(?:at)?\((?:[^,"]+, )?"([^"]+)", ([A-Z_|]+).* = \d+', text
    )
    for path, flags in opened:
        full = Path(os.path.realpath(work / path))
        assert not full.is_relative_to(jail / "out"), (line, path)
        if full.is_relative_to(work):
            assert not (is_secret(full.name) and full.is_file()), (line, path)
            if "O_WRONLY" in flags or "O_RDWR" in flags:
                assert ".git/" in str(full), (line, path)
