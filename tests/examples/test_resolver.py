"""The CI examples: readable, and with the separation that their comments claim."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from click import Option

from openhands_tiered_router.cli.resolve import command
from openhands_tiered_router.config import load_config
from tests.resolver import git_http
from tests.resolver.conftest import git, project, server  # noqa: F401
from tests.resolver.forge_server import TOKEN, ForgeServer


DIRECTORY = Path(__file__).parents[2] / "examples" / "resolver"
GITHUB = (DIRECTORY / "github.yml").read_text()
GITLAB = (DIRECTORY / "gitlab-ci.yml").read_text()
KNOWN = {name for p in command.params if isinstance(p, Option) for name in p.opts}


def test_the_configuration_loads() -> None:
    config = load_config(DIRECTORY / "tiered-router.toml")
    assert config.resolver.sandbox == "local"


@pytest.mark.parametrize("text", [GITHUB, GITLAB])
def test_the_command_has_the_options_that_they_use(text: str) -> None:
    (line,) = re.findall(r"tiered-router resolve .*", text)
    options = re.findall(r"--[a-z]+", line)
    assert options
    assert set(options) <= KNOWN


def test_github_gives_the_agent_no_token_that_writes() -> None:
    workflow: dict[str, Any] = yaml.safe_load(GITHUB)
    assert workflow["permissions"] == {}
    work, propose = workflow["jobs"]["work"], workflow["jobs"]["propose"]
    assert set(work["permissions"].values()) == {"read"}
    checkout = work["steps"][0]
    assert checkout["with"]["persist-credentials"] is False
    assert "secrets." not in str(propose)
    assert "tiered-router resolve" not in str(propose)


def test_github_puts_nothing_of_the_event_into_a_script() -> None:
    workflow = yaml.safe_load(GITHUB)
    scripts = [
        s["run"] for j in workflow["jobs"].values() for s in j["steps"] if "run" in s
    ]
    assert scripts
    assert not any("${{" in script for script in scripts)


def test_gitlab_checks_the_number_and_separates_the_tokens() -> None:
    jobs = yaml.safe_load(GITLAB)
    for name in ("resolve", "propose"):
        (rule,) = jobs[name]["rules"]
        assert rule["if"] == "$ISSUE =~ /^[1-9][0-9]*$/"
    assert "PUSH_TOKEN" not in str(jobs["resolve"])
    assert jobs["resolve"]["environment"] != jobs["propose"]["environment"]


@pytest.mark.parametrize(
    ("name", "schema"),
    [("github.yml", "github-workflows"), ("gitlab-ci.yml", "gitlab-ci")],
)
def test_their_hosts_schemas_take_them(name: str, schema: str) -> None:
    """The schemas come with the checker."""
    words = ["--builtin-schema", f"vendor.{schema}", str(DIRECTORY / name)]
    done = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", *words],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


PATCH = """\
diff --git a/code.py b/code.py
--- a/code.py
+++ b/code.py
@@ -1 +1 @@
-value = 1
+value = 2
"""


def run(script: str, checkout: Path, **variables: str) -> None:
    """As a runner does, where nothing else is known."""
    home = checkout.parent / "home"
    home.mkdir()
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), **variables}
    subprocess.run(
        ["sh", "-e", "-c", script],
        cwd=checkout,
        env=environment,
        capture_output=True,
        timeout=100,
        check=True,
    )


def test_github_s_second_job_opens_a_request(
    project: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    bare, checkout = tmp_path / "bare.git", tmp_path / "checkout"
    git(tmp_path, "clone", "-q", "--bare", str(project), str(bare))
    git(tmp_path, "clone", "-q", str(bare), str(checkout))
    (tmp_path / "fix.patch").write_text(PATCH)
    gh = tmp_path / "bin" / "gh"
    gh.parent.mkdir()
    gh.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/asked\n')
    gh.chmod(0o755)
    steps = yaml.safe_load(GITHUB)["jobs"]["propose"]["steps"]
    (script,) = [step["run"] for step in steps if "run" in step]
    path = f"{gh.parent}:{os.environ['PATH']}"
    run(script, checkout, PATH=path, NUMBER="7", RUNNER_TEMP=str(tmp_path))
    assert git(bare, "show", "tiered-router/issue-7:code.py") == "value = 2"
    asked = (tmp_path / "asked").read_text()
    assert "pr create --head tiered-router/issue-7" in asked
    assert "Closes #7" in asked


def test_gitlab_s_second_job_pushes_with_a_token_that_is_written_nowhere(
    project: Path,  # noqa: F811
    server: ForgeServer,  # noqa: F811
    tmp_path: Path,
) -> None:
    server.repositories, server.user = tmp_path / "served", "oauth2"
    bare, checkout = tmp_path / "served" / "o" / "r.git", tmp_path / "checkout"
    git(tmp_path, "clone", "-q", "--bare", str(project), str(bare))
    git(bare, "config", "receive.advertisePushOptions", "true")
    git(tmp_path, "clone", "-q", str(bare), str(checkout))
    (checkout / "fix.patch").write_text(PATCH)
    script = "\n".join(yaml.safe_load(GITLAB)["propose"]["script"])
    variables = {
        "ISSUE": "7",
        "PUSH_TOKEN": TOKEN,
        "CI_PROJECT_DIR": str(checkout),
        "CI_DEFAULT_BRANCH": "trunk",
        "CI_SERVER_URL": server.origin,
        "CI_PROJECT_PATH": "o/r",
    }
    run(script, checkout, **variables)
    assert git(bare, "show", "tiered-router/issue-7:code.py") == "value = 2"
    assert git_http.authorization("oauth2", TOKEN) in {key for *_, key in server.seen}
    written = [p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()]
    assert not any(TOKEN.encode() in content for content in written)
