"""Asking at the terminal for what waits for a yes, here and in a sandbox."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from uuid import uuid4

import click
import pytest
from click.testing import Result as CliResult
from openhands.sdk.conversation.state import ConversationExecutionStatus as Status

from openhands_tiered_router.cli import run_sandbox
from openhands_tiered_router.cli.confirming import ask_there
from openhands_tiered_router.cli.served import ServedReporter
from openhands_tiered_router.config.resolver import Sandbox, SandboxSettings
from openhands_tiered_router.loopback import Reply, Request, ToolCall
from openhands_tiered_router.resolver.sandbox.opening import Place
from openhands_tiered_router.resolver.sandbox.run import Result
from openhands_tiered_router.resolver.sandbox.served import Served
from openhands_tiered_router.resolver.work import Done
from tests.cli.test_run import run, terminal  # noqa: F401


def test_ctrl_c_at_the_question_is_neither_yes_nor_no(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupted(*_: object, **__: object) -> bool:
        raise click.Abort

    monkeypatch.setattr(click, "confirm", interrupted)
    served = Served(
        router=cast("Any", None),
        reporter=cast("Any", None),
        sandbox=Sandbox.DOCKER,
        max_iterations=1,
        ask=ask_there,
    )
    state = SimpleNamespace(execution_status=Status.WAITING_FOR_CONFIRMATION, events=[])
    assert served._must_wait(cast("Any", SimpleNamespace(state=state)))


def test_names_of_files_cannot_write_to_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = Place(
        sandbox=Sandbox.DOCKER,
        settings=SandboxSettings(),
        conversation=uuid4(),
        directory=tmp_path,
    )
    done = Done(exit_code=0, status="finished")
    result = Result(place=place, done=done, changed=("a\x1b[2Jb",))
    run_sandbox._show(result, ServedReporter(as_json=False), as_json=False)
    assert "Changed here: a\\x1b[2Jb" in capsys.readouterr().out


@pytest.fixture
def confirmed(
    run,  # noqa: F811
    provider,
    tmp_path,
    monkeypatch,
) -> Callable[..., CliResult]:
    """Runs an agent that makes a file, under ``[confirm]``."""

    def made(request: Request) -> Reply:
        said = json.dumps(request.body["messages"])
        if request.turn == 0 or ("said yes" in said and request.turn == 2):
            return terminal("touch made.txt")
        return Reply(tool_calls=(ToolCall("finish", {"message": "Done."}),))

    provider.script = made
    path = tmp_path / "router.json"

    def invoke(mode: str, *arguments: str, says: str | None = None) -> CliResult:
        config = json.loads(path.read_text())
        path.write_text(
            json.dumps({**config, "confirm": {"enabled": True, "mode": mode}})
        )
        monkeypatch.setattr(
            "openhands_tiered_router.cli.run.can_ask", lambda: says is not None
        )
        monkeypatch.setattr("click.confirm", lambda *_, **__: says == "yes")
        return run(*arguments)

    return invoke


@pytest.mark.parametrize("mode", ["queue", "stop"])
@pytest.mark.parametrize("says", ["yes", "no"])
def test_it_asks_for_what_waits(confirmed, tmp_path, mode: str, says: str) -> None:
    result = confirmed(mode, "--task", "Make a file.", says=says)
    assert result.exit_code == 0, result.output
    assert (tmp_path / "workspace" / "made.txt").exists() is (says == "yes")


@pytest.mark.parametrize("mode", ["queue", "stop"])
def test_with_nobody_to_ask_it_waits_and_asks_later(
    confirmed, tmp_path, mode: str
) -> None:
    made = tmp_path / "workspace" / "made.txt"
    first = confirmed(mode, "--task", "Make a file.", "--json")
    assert first.exit_code == 8, first.output
    conversation = json.loads(first.stdout.splitlines()[0])["conversation"]
    assert confirmed(mode, "--resume", conversation, "--json").exit_code == 8
    assert not made.exists()
    later = confirmed(mode, "--resume", conversation, says="yes")
    assert later.exit_code == 0, later.output
    assert made.exists()
