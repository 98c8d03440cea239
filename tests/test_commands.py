"""Commands that the pages show to users run, against the loopback provider."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from openhands_tiered_router.cli import tiered_router
from openhands_tiered_router.loopback import LoopbackProvider, Reply, ToolCall
from tests.waiting import wait_until


ROOT = Path(__file__).parents[1]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
NOT_HERE = {
    "serve": "does not end; tests/cli/test_serve.py",
    "watch": "does not end; tests/cli/test_status.py",
    "metrics": "does not end; tests/record/metrics",
    "resolve": "needs a forge; tests/cli/test_resolve.py",
    "calibrate": "needs data; tests/cli/test_calibrate.py",
    "demo": "runs apart; tests/cli/test_demo.py",
    "keys": "tests/cli/test_keys.py",
}
"""Commands that are run elsewhere, and where."""
NEEDS = re.compile(
    r"docker|remote|--outcomes|\bissues\b|\bcustom\b|fitted|\.traj|jsonl|"
    r"--issues|--resume [A-Z]|--live|FILE|DIRECTORY|CONVERSATION|issue\.md|\.\.\.|<"
)
"""What such a command names is not on this machine: options are checked elsewhere."""
MAY_EXIT = {"run": {0, 5, 6}, "doctor": {0, 1}, "status": {0}}
IDS = re.compile(r"\b1f0c[\w-]*|\b01JX5V2K8T\b")


def commands() -> Iterator[str]:
    found: dict[str, None] = {}
    for page in PAGES:
        for code in re.findall(r"^```\w*\n(.*?)^```", page.read_text(), re.M | re.S):
            for line in code.replace("\\\n", " ").splitlines():
                for words in re.findall(r"(?:^|&& )tiered-router ([^#&|>]+)", line):
                    found[words.split("  ")[0].strip()] = None
    asks = {"init"}  # a terminal
    found = {w: None for w in found if w not in asks and not NEEDS.search(w)}
    return (words for words in found if words.split()[0] not in NOT_HERE)


@pytest.fixture
def place(
    provider: LoopbackProvider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A git project with a configuration, an empty home, and recorded sessions."""
    provider.script = lambda _: Reply(
        tool_calls=(ToolCall("finish", {"message": "Done."}),)
    )
    home, project = tmp_path / "home", tmp_path / "project"
    for folder in (home / ".claude/projects", home / ".openhands", project / "src/app"):
        folder.mkdir(parents=True)
    (project / "src/app/models.py").write_text(
        "class User:\n    def save(self):\n        return 1\n"
    )
    for words in (["init", "-q", "-b", "main"], ["add", "-A"]):
        subprocess.run(["git", "-C", str(project), *words], check=True)
    who = ["-c", "user.name=a", "-c", "user.email=a@b"]
    commit = ["git", "-C", str(project), *who, "commit", "-qm", "x", "--allow-empty"]
    subprocess.run(commit, check=True)
    endpoint = {"base_url": f"{provider.base_url}/v1", "api_key_env": "LOOPBACK_KEY"}
    models = {"simple": "openai/gpt-4o-mini", "complex": "openai/gpt-4o"}
    tables = "".join(
        f'[[tiers.{tier}.endpoints]]\nmodel = "{model}"\n'
        + "".join(f'{key} = "{value}"\n' for key, value in endpoint.items())
        for tier, model in models.items()
    )
    (project / "tiered-router.toml").write_text("graph.enabled = false\n" + tables)
    monkeypatch.setenv("LOOPBACK_KEY", "sk-loopback")
    monkeypatch.setenv("HOME", str(home))
    for name in ("STATE", "CONFIG", "CACHE", "DATA"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(home / name.lower()))
    monkeypatch.setattr("openhands_tiered_router.cli.run.can_ask", lambda: False)
    monkeypatch.chdir(project)
    return project


@pytest.fixture
def conversation(place: Path) -> str:
    """One that ``run`` has kept, as the beginning of its id."""
    done = CliRunner().invoke(tiered_router, ["run", "--task", "Say hi.", "--json"])
    assert done.exit_code == 0, done.output
    id = json.loads(done.stdout.splitlines()[0])["conversation"][:8]
    look = ["report", "--conversation", id]
    wait_until(lambda: CliRunner().invoke(tiered_router, look).exit_code == 0)
    return id


@pytest.mark.parametrize("words", list(commands()))
def test_a_command_of_the_pages_runs(
    words: str, place: Path, conversation: str, provider: LoopbackProvider
) -> None:
    arguments = shlex.split(IDS.sub(conversation, words).replace("~", str(Path.home())))
    if arguments[0] == "replay":
        arguments[1] = str(Path.home() / "state/tiered-router/conversations")
    if arguments[0] == "init" or "--write" in arguments:
        (place / "tiered-router.toml").unlink()
    result = CliRunner().invoke(tiered_router, arguments, input="")
    allowed = MAY_EXIT.get(arguments[0], {0})
    assert result.exit_code in allowed, f"{arguments}: {result.output}"
