"""What the pages say to type works: Python samples run, commands and options exist."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from openhands_tiered_router.cli import tiered_router
from openhands_tiered_router.loopback import LoopbackProvider, Reply, Request, ToolCall


ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
NEEDS_A_SERVER = "agent-server.md"
EDIT = {"command": "create", "path": "main.tf", "file_text": "machines = 3\n"}


def blocks(language: str) -> Iterator[tuple[Path, str]]:
    for page in PAGES:
        for code in re.findall(
            rf"^```{language}\n(.*?)^```", page.read_text(), re.M | re.S
        ):
            yield page, code


SAMPLES = [pytest.param(p, c, id=f"{p.stem}-{len(c)}") for p, c in blocks("python")]


def test_every_name_in_a_sample_is_defined(tmp_path: Path) -> None:
    for page, code in blocks("python"):
        number = len(list(tmp_path.iterdir()))
        (tmp_path / f"{page.stem}_{number}.py").write_text(code)
    assert len(list(tmp_path.iterdir())) > 8
    ruff = [sys.executable, "-m", "ruff", "check", "--isolated", "--no-cache"]
    rules = ["--select", "F821,F822,F823,F632", str(tmp_path)]
    done = subprocess.run([*ruff, *rules], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def answer(request: Request) -> Reply:
    """Edits the file of the sample about confirmation until that is done."""
    about_machines = "machines in main.tf" in json.dumps(request.body)
    if about_machines and not Path("main.tf").exists() and request.turn % 2 == 0:
        path = str(Path("main.tf").absolute())
        return Reply(tool_calls=(ToolCall("file_editor", {**EDIT, "path": path}),))
    return Reply(tool_calls=(ToolCall("finish", {"message": "Done."}),))


@pytest.fixture
def project(
    provider: LoopbackProvider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A workspace with a configuration for the loopback provider."""
    provider.script = answer
    url = f"{provider.base_url}/v1"
    tiers = {"simple": "openai/gpt-4o-mini", "complex": "openai/gpt-4o"}
    monkeypatch.setenv("LOOPBACK_KEY", "sk-loopback")
    tables = "".join(
        f'[[tiers.{tier}.endpoints]]\nmodel = "{model}"\nbase_url = "{url}"\n'
        'api_key_env = "LOOPBACK_KEY"\n'
        for tier, model in tiers.items()
    )
    # Its thread would outlive the test, and then the working directory is another.
    graph = "[graph]\nenabled = false\n"
    confirm = '[confirm]\nenabled = true\nsensitive_paths = ["*.tf"]\n'
    (tmp_path / "tiered-router.toml").write_text(tables + graph + confirm)
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "forms.py").write_text("class Form:\n    label = None\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(("page", "code"), SAMPLES)
def test_a_sample_runs(page: Path, code: str, project: Path) -> None:
    compiled = compile(code, str(page), "exec")
    if page.name == NEEDS_A_SERVER:
        return
    names: dict[str, object] = {"__name__": "sample"}
    exec(compiled, names)
    if page.name == "confirmation.md":
        assert (project / "main.tf").read_text() == EDIT["file_text"]


def commands() -> Iterator[tuple[str, list[str]]]:
    for page in PAGES:
        for code in re.findall(r"^```\w*\n(.*?)^```", page.read_text(), re.M | re.S):
            for line in code.replace("\\\n", " ").splitlines():
                for found in re.findall(
                    r"(?:^|\$ |&& |uv run )tiered-router (.*)", line
                ):
                    words = shlex.split(
                        re.split(r" [|<>&] ?|&&", found)[0], comments=True
                    )
                    yield f"{page.name}: {line}", words


@pytest.mark.parametrize(("line", "words"), list(commands()))
def test_a_command_on_the_pages_has_those_options(line: str, words: list[str]) -> None:
    command: click.Command = tiered_router
    context = click.Context(command)
    while isinstance(command, click.Group) and words and words[0][0] != "-":
        found = command.get_command(context, words[0])
        assert found is not None, line
        command, words = found, words[1:]
    known = {name for p in command.params for name in (*p.opts, *p.secondary_opts)}
    used = {word.partition("=")[0] for word in words if word.startswith("-")}
    used = {"-v" if word == "-vv" else word for word in used}
    assert used <= known | {"-", "--help", "--version"}, line


def paths() -> Iterator[tuple[str, Path]]:
    """What pages link to, and the files of this repository that they name."""
    for page in PAGES:
        text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.M | re.S)
        for link in re.findall(r"\]\((?!\w+:)([^)#\s]+)", text):
            yield page.name, page.parent / link
        for name in re.findall(r"`((?:examples|docs|tests)/[\w./-]+)`", text):
            yield page.name, ROOT / name


@pytest.mark.parametrize(("page", "path"), sorted(set(paths())))
def test_every_path_on_the_pages_exists(page: str, path: Path) -> None:
    assert path.exists(), f"{page} names {path}"


PROGRAMS = [
    *((page.name, code) for page, code in blocks("python")),
    *((p.name, p.read_text()) for p in sorted((ROOT / "examples").glob("*.py"))),
]


@pytest.mark.parametrize(("name", "program"), PROGRAMS)
def test_this_package_is_imported_before_the_sdk(name: str, program: str) -> None:
    """Else litellm asks the network for prices when it is imported: docs/sdk.md."""
    imports = re.findall(r"^(?:from|import) (openhands\w*)", program, re.M)
    assert imports[:1] != ["openhands"] or "openhands_tiered_router" not in imports


def test_the_recording_shows_real_commands_in_a_terminal_of_80_columns() -> None:
    text = (ROOT / "docs/pictures/first-minute.cast").read_text()
    header, *events = [json.loads(line) for line in text.splitlines()]
    assert (header["version"], header["width"]) == (2, 80)
    times = [time for time, _, _ in events]
    assert times == sorted(times)
    assert {kind for _, kind, _ in events} == {"o"}
    shown = "".join(text for _, _, text in events)
    typed = re.findall(r"\$ tiered-router (\w+)", shown)
    assert list(dict.fromkeys(typed)) == ["demo", "init", "doctor", "run", "report"]
    assert "All 4 tests pass." in shown
    assert "finished: $" in shown


def test_the_pictures_ask_nothing_of_a_network() -> None:
    svg = (ROOT / "docs/pictures/terminal.svg").read_text()
    assert not re.search(r"url\(|<image|href=", svg.replace("url(#", ""))
