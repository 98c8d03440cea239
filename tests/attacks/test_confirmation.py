"""Exploits that once ran code, or read what they must not, with nobody asked."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from openhands_tiered_router.guards.confirm.commands import judge_command
from openhands_tiered_router.guards.confirm.paths import Place, Places, place_of_edit
from openhands_tiered_router.guards.confirm.queue import waiting
from openhands_tiered_router.guards.confirm.verdict import Level
from openhands_tiered_router.loopback import Reply, ToolCall
from tests.guards.confirm.test_queue import calls, ran, start
from tests.routed.conftest import World


INTERPRETERS = (
    *("python", "python3", "node", "bash", "sh", "perl", "ruby", "php", "lua", "make"),
    *("npm", "cargo", "go", "docker", "java", "pip", "uv", "gcc", "cmake", "sqlite3"),
)


@pytest.fixture
def work(tmp_path: Path) -> Path:
    place = tmp_path / "work"
    (place / "s").mkdir(parents=True)
    (place / "a.txt").write_text("text\n")
    return place


def level(command: str, work: Path) -> Level:
    return judge_command(command, Places(str(work))).level


@pytest.mark.parametrize("name", INTERPRETERS)
@pytest.mark.parametrize(
    "form",
    [
        "{0}",
        "echo 'import os' | {0}",
        "cat a.txt | {0} -",
        "{0} < a.txt",
        "{0} a.txt",
        "{0} --version a.txt",
        "{0} --version && {0}",
        "true | {0} -v -",
    ],
)
def test_1_no_interpreter_reads_a_program(work: Path, name: str, form: str) -> None:
    assert level(form.format(name), work) > Level.LOW


@pytest.mark.parametrize("name", ["python3", "node", "npm", "cargo", "pip", "docker"])
def test_1_versions_are_still_shown(work: Path, name: str) -> None:
    assert level(f"{name} --version", work) is Level.LOW


@pytest.mark.parametrize("code", [*range(32), 127, 0x85, 0xA0, 0x200B, 0x202E, 0xFF4C])
@pytest.mark.parametrize("form", ["ls # {0}touch pwn", "ls '{0}'", "ls {0}", "{0}ls"])
def test_2_no_control_or_look_alike_character(work: Path, code: int, form: str) -> None:
    assert level(form.format(chr(code)), work) > Level.LOW


def test_2_no_comment(work: Path) -> None:
    assert level("ls # x", work) > Level.LOW
    assert level("ls #", work) > Level.LOW
    assert level("grep '#' a.txt", work) is Level.LOW


def bare(place: Path) -> None:
    """What git takes for a repository, and a setting that runs a program."""
    (place / "objects").mkdir(parents=True)
    (place / "refs").mkdir()
    (place / "HEAD").write_text("ref: refs/heads/main\n")
    (place / "config").write_text("[core]\n\tbare = false\n\tfsmonitor = ./evil\n")


@pytest.mark.parametrize(
    "command",
    ["git -C x status", "cd x && git status", "cd x/y && git log", "git -C x/y diff"],
)
def test_4_no_git_in_an_embedded_repository(work: Path, command: str) -> None:
    bare(work / "x")
    (work / "x" / "y").mkdir()
    assert level(command, work) > Level.LOW


@pytest.mark.parametrize(
    "setting",
    [
        "[core]\n\tfsmonitor = ./evil",
        "[core]\n\tpager = sh -c id",
        '[filter "x"]\n\tclean = ./evil',
        '[diff "x"]\n\ttextconv = ./evil',
        "[include]\n\tpath = ../other",
        "[core]\n\tautocrlf = \\\n[core] fsmonitor = ./evil",
        "[extensions]\n\tworktreeConfig = true",
        "[core] fsmonitor = ./evil",
    ],
)
def test_4_no_git_under_settings_that_name_programs(work: Path, setting: str) -> None:
    subprocess.run(["git", "init", "-q"], cwd=work, check=True)
    assert level("git status", work) is Level.LOW
    with (work / ".git" / "config").open("a") as file:
        file.write(setting + "\n")
    assert level("git status", work) > Level.LOW


def test_4_an_edit_that_would_make_a_repository_asks(work: Path) -> None:
    places = Places(str(work))
    for path in ("x/HEAD", "x/head", "rust-toolchain.toml", "-exec", "a/-x/b"):
        assert place_of_edit(path, places) is Place.OBEYED, path
    assert place_of_edit("x/config", places) is Place.INSIDE


@pytest.mark.parametrize(
    "command",
    [
        "cat < $HOME/.docker/config.json",
        "cat $HOME/x",
        "find $PWD",
        "find ${PWD} -name x",
        "git -C $HOME status",
        "git -C ~ status",
        "cd 'x -exec sh evil.sh ;'; find $PWD",
        "ls $PWD",
        "cat ~/x",
        "echo a=~",
    ],
)
def test_5_no_variable_and_no_home(work: Path, command: str) -> None:
    assert level(command, work) > Level.LOW


@pytest.mark.parametrize("size", ["", *"hjlLtzq", "ll", "hh", "5", "-", "*", ".3"])
def test_6_printf_sets_no_variable(work: Path, size: str) -> None:
    assert level(f"printf 'x%{size}n' HOME", work) > Level.LOW
    assert level(f"printf x%{size}n PATH", work) > Level.LOW
    assert level("printf -v HOME x", work) > Level.LOW
    assert level("printf '%s\\n' x", work) is Level.LOW


def test_7_an_edit_goes_by_its_real_directory(work: Path) -> None:
    (work / ".git").mkdir()
    (work / "g").symlink_to(".git")
    (work / "far").symlink_to(work.parent)
    (work / "venv-like").mkdir()
    (work / "venv-like" / "pyvenv.cfg").write_text("")
    places = Places(str(work))
    assert place_of_edit("g/hooks/x", places) is Place.OBEYED
    assert place_of_edit("g/config", places) is not Place.INSIDE
    assert place_of_edit("g/hooks/../config", places) is not Place.INSIDE
    assert place_of_edit("far/x", places) is Place.OUTSIDE
    assert place_of_edit("venv-like/lib/x.pth", places) is Place.OBEYED
    assert place_of_edit("s/x.py", places) is Place.INSIDE


def test_7_an_edit_of_a_program_on_the_path_asks(
    work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{work / 's'}{os.pathsep}/usr/bin")
    assert place_of_edit("s/ls", Places(str(work))) is Place.OBEYED


@pytest.mark.parametrize(
    "command",
    [
        "cd nope; cat link",
        "(cd s); cat link",
        "cd s || cat ../a.txt",
        "cd s & cat a.txt",
        "cd s | cat ../../x",
        "git -C ../.. -C .. log",
        "cat prod.ke?",
        "cat prod.k*",
        "grep -r . --include=.env .",
        "grep -r . --include='.e*' .",
        "grep -rn x .",
        "rg --hidden x",
        "git log -p -- '.en?'",
        "git log -p -- ':(glob).en*'",
        "git show HEAD:.env",
        "git log -L1,5:.env",
        "cat s/../.env",
        "cat e",
        "diff -r . s",
        "diff . s",
        "rg -g '*env' KEY",
        "grep -r . --include=*env .",
        "grep -r . --include='*.e*' .",
        "grep -r . --include='*' .",
        "grep -r . --include='?env' .",
        "wc --files0-from=.env",
        "sort -o a.txt a.txt",
        "cat .git/config",
        "find . -fprint x",
        "cat /proc/self/environ",
    ],
)
def test_12_no_secret_and_no_wrong_place(work: Path, command: str) -> None:
    (work / ".env").write_text("KEY=1\n")
    (work / "prod.key").write_text("1\n")
    (work / "e").symlink_to(".env")
    (work / "link").symlink_to("/etc/passwd")
    assert level(command, work) > Level.LOW


def test_12_no_name_becomes_an_option(work: Path) -> None:
    """A file `-R` has grep follow the links below what else the glob stands for."""
    assert level("grep x *", work) is Level.LOW
    (work / "-R").write_text("")
    for command in ("grep x *", "cat *", "wc -l *", "ls ?R"):
        assert level(command, work) > Level.LOW
    assert level("ls ./*", work) is Level.LOW


def test_12_no_comparison_of_trees_follows_links(work: Path) -> None:
    (work / "t").mkdir()
    assert level("diff -r s t", work) is Level.LOW
    (work / "t" / "notes").symlink_to("/etc/hostname")
    assert level("diff -r s t", work) > Level.LOW
    (work / "t" / "notes").unlink()
    (work / "t" / "far").symlink_to("/etc")
    assert level("diff s t", work) > Level.LOW


def test_12_no_search_of_tracked_secrets(work: Path) -> None:
    subprocess.run(["git", "init", "-q"], cwd=work, check=True)
    assert level("git grep KEY", work) is Level.LOW
    assert level("cd s && git grep KEY", work) is Level.LOW
    (work / ".env").write_text("KEY=1\n")
    assert level("git grep KEY", work) > Level.LOW
    assert level("git grep KEY -- s", work) > Level.LOW
    assert level("cd s && git grep KEY", work) > Level.LOW


@pytest.mark.parametrize(
    "command",
    [
        "od -c -w .env",
        "grep -e -5 /etc/passwd",
        "grep -e '' /etc/passwd a.txt",
        "grep -e -- /etc/passwd",
        "grep -e -- --f /etc/passwd",
        "git grep -e '' -- .env",
        "sed -n -e -5 /etc/passwd",
        "head -n -- /etc/passwd",
        "find . -newer -- -delete",
        "find -- -delete",
        "od -w /etc/passwd",
        "xxd -ps /etc/passwd",
        "xxd -bc /etc/passwd",
        "git log -p -U .env",
        "git log -p --pretty .env",
        "git log -p --unified .env",
        "git for-each-ref --format='%(signature)'",
        "rg --files /etc",
        "paste -s .env",
        "fold -s .env",
    ],
)
def test_12_no_value_that_may_be_left_out_hides_a_path(
    work: Path, command: str
) -> None:
    """``od -w FILE`` reads the file: the width of ``-w`` is optional."""
    subprocess.run(["git", "init", "-q"], cwd=work, check=True)
    assert level(command, work) > Level.LOW


@pytest.mark.parametrize(
    "command",
    [
        "awk '{print $1}' -F .env",
        "awk '{print $1}' -F /etc/passwd",
        "head a.txt -n .env",
        "cut a.txt -d .env",
        "sort a.txt -k /etc/passwd",
        "xxd a.txt -b",
        "uniq a.txt -c",
        "sed -n 'w out' -e p",
    ],
)
def test_12_an_option_behind_words_may_be_a_file(work: Path, command: str) -> None:
    """gawk and the BSDs' programs look for no options there; ``xxd`` writes to it."""
    assert level(command, work) > Level.LOW


@pytest.mark.parametrize(
    "command",
    ["head a.txt -n 5", "grep -rn x . --include '*.py'", "ls . -la", "uniq -c a.txt"],
)
def test_12_other_options_behind_words_only_read(work: Path, command: str) -> None:
    (work / ".env").unlink(missing_ok=True)
    assert level(command, work) is Level.LOW


def test_2_a_line_is_judged_in_time_that_grows_with_its_length(work: Path) -> None:
    """A pattern that tries each way to part a word would never end here."""
    for text in ("a" * 1900, "a'b'" * 400, "a*" * 900, "a~" * 900, "a=" * 900):
        assert level(f"ls {text}>", work) > Level.LOW
        assert level(f"sed -n '{text}>' a.txt", work) > Level.LOW
        assert level(f"awk '{{print {text}>}}' a.txt", work) > Level.LOW
    fields = '$1, "x" ' * 200
    for script in (f"{{print {fields}>}}", f"NR==1 && {'NR==1 && ' * 150}>"):
        assert level(f"awk '{script}' a.txt", work) > Level.LOW
    for script in (f"{'1,2p;' * 300}w", f"s/{'a' * 900}/b/w", f"{'/a/p;' * 300}w"):
        assert level(f"sed -n '{script}' a.txt", work) > Level.LOW
    assert level(f"jq '{'.a' * 600}>' a.txt", work) > Level.LOW


def test_4_no_signature_is_checked(work: Path) -> None:
    """Git runs gpg for it."""
    subprocess.run(["git", "init", "-q"], cwd=work, check=True)
    assert level("git log --format=%h", work) is Level.LOW
    assert level("git log --format=%G?", work) > Level.LOW
    assert level("git log --pretty=format:'%h %GS'", work) > Level.LOW


@pytest.mark.parametrize(
    "name", [".env~", ".env-prod", "passwords.txt", "kubeconfig", "kube/kubeconfig.yml"]
)
def test_12_more_names_of_secrets(work: Path, name: str) -> None:
    assert level(f"cat {name}", work) > Level.LOW


def test_12_a_command_does_not_use_the_directory_before_an_earlier_one(
    world: World,
) -> None:
    """Both are judged before either has run."""
    (world.workspace / "sub").mkdir()
    (world.workspace.parent / "x").write_text("outside\n")
    replies = [calls("cd sub"), calls("cd ..", "cat ../x"), calls("ls"), world.finish()]
    conversation = start(world, replies)
    conversation.run()
    assert "cat ../x" not in ran(conversation)
    assert [entry.level for entry in waiting(conversation)] == [2]
    assert "ls" in ran(conversation)


def test_12_an_edit_and_a_command_in_one_response(world: World) -> None:
    """The file is not there yet when the command is judged."""

    def edit(name: str) -> ToolCall:
        path = str(world.workspace / name)
        text = {"command": "create", "path": path, "file_text": "x"}
        return ToolCall("file_editor", text)

    status = ToolCall("terminal", {"command": "cd x && git status"})
    files = (edit("x/HEAD"), edit("x/config"), edit("x/objects/k"), edit("x/refs/k"))
    replies = [Reply(tool_calls=(*files, status)), world.finish()]
    conversation = start(world, replies)
    conversation.run()
    assert not (world.workspace / "x" / "HEAD").exists()
    assert waiting(conversation)
