"""``tiered-router resolve --demo``: the bundled broken project, offline."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace
from importlib.resources import as_file, files
from pathlib import Path
from typing import Final

import click

from openhands_tiered_router.cli.demo.models import (
    PRICES,
    configuration,
    name_at_provider,
)
from openhands_tiered_router.cli.demo.run import copy_project, run_tests
from openhands_tiered_router.cli.resolving import resolve
from openhands_tiered_router.git import Git
from openhands_tiered_router.loopback import LoopbackProvider, Script
from openhands_tiered_router.loopback.scripts import by_turn, load_recording
from openhands_tiered_router.resolver.checkout import source_of
from openhands_tiered_router.resolver.issue import reference_of
from openhands_tiered_router.resolver.record import id_of
from openhands_tiered_router.resolver.run import Request
from openhands_tiered_router.tiers import Tier


ISSUE: Final = """\
Orders with a discount are a cent off

Three notebooks at 10 % off cost 900 cents, but the README says that the discount is
taken off the whole order and rounded once: 899. The tests of this project fail.
"""
TURNS: Final = 9
"""Of the recording: from the first look to the first ``finish``."""


def run_demo(request: Request, *, as_json: bool) -> int:
    """Fix the project, apply the patch to another copy, and run its tests there."""
    with tempfile.TemporaryDirectory(
        prefix="tiered-router-resolve-", ignore_cleanup_errors=True
    ) as name:
        return _run(Path(name).resolve(), request, as_json=as_json)


def _run(directory: Path, request: Request, *, as_json: bool) -> int:
    project = copy_project(directory)
    before = run_tests(project)
    untouched = directory / "untouched"
    shutil.copytree(project, untouched)
    issue = directory / "discounts.md"
    issue.write_text(ISSUE, encoding="utf-8")
    _commit(project)
    patch = request.patch or directory / "fix.patch"
    chosen = replace(
        request,
        issue=str(issue),
        repo=str(project),
        config=str(directory / "tiered-router.toml"),
        patch=patch,
        push=False,
        pr=False,
        sandbox="local",
        state=directory / "state",
    )
    prices = {name_at_provider(tier): PRICES[tier] for tier in Tier}
    script = _script(_workspace(chosen))
    with LoopbackProvider(script, prices=prices) as provider:
        _configure(directory, provider.base_url)
        code = resolve(chosen, as_json=as_json, show_patch=request.patch is None)
    if code:
        return code
    applied = ["git", "apply", "--", str(patch)]
    subprocess.run(applied, cwd=untouched, check=True, timeout=60)
    after = run_tests(untouched)
    ok = after.passed and not before.passed
    _tell(ok, before.passed, after.passed, as_json=as_json)
    return 0 if ok else 1


def _tell(ok: bool, before: bool, after: bool, *, as_json: bool) -> None:
    said = {"type": "demo", "ok": ok, "passed_before": before, "passed_after": after}
    if as_json:
        click.echo(json.dumps(said))
        return
    words = {True: "pass", False: "fail"}
    click.echo(
        f"The project's tests: {words[before]} before, {words[after]} in a fresh copy "
        "with the patch. The model's answers are recorded; all else is real."
    )


def _commit(project: Path) -> None:
    identity = {"user.name": "demo", "user.email": "demo@localhost"}
    git = Git(project / ".git", project, settings=identity)
    Git()("init", "-q", "--", str(project))
    git("add", "--all")
    git("commit", "-q", "-m", "A shop")


def _workspace(request: Request) -> Path:
    """Where the agent will work: the recording names files by their whole path."""
    id = id_of(
        source_of(str(request.repo)).identity, reference_of(request.issue).identity
    )
    return request.state / "resolver" / id.hex / "work"


def _script(workspace: Path) -> Script:
    variables = {"workspace": str(workspace), "python": shlex.quote(sys.executable)}
    recording = files("openhands_tiered_router.cli.demo") / "recording.json"
    with as_file(recording) as path:
        turns, side = load_recording(path, variables)
    return by_turn(turns[:TURNS], side=side)


def _configure(directory: Path, address: str) -> None:
    command = f"{shlex.quote(sys.executable)} -B -m unittest"
    text = configuration(address, directory / "telemetry.sqlite")
    text += f"\n[state]\npath = {json.dumps(str(directory / 'state.sqlite3'))}\n"
    text += f"\n[verify]\ntest_command = {json.dumps(command)}\n"
    (directory / "tiered-router.toml").write_text(text, encoding="utf-8")
