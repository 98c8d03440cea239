"""The CI examples: readable, and with the separation that their comments claim."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from click import Option

from openhands_tiered_router.cli.resolve import command
from openhands_tiered_router.config import load_config


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
