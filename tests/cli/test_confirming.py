"""What a terminal shows and asks of a run in a sandbox."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from uuid import uuid4

import click
import pytest
from openhands.sdk.conversation.state import ConversationExecutionStatus as Status

from openhands_tiered_router.cli import run_sandbox
from openhands_tiered_router.cli.confirming import ask_there
from openhands_tiered_router.cli.served import ServedReporter
from openhands_tiered_router.config.resolver import Sandbox, SandboxSettings
from openhands_tiered_router.resolver.sandbox.opening import Place
from openhands_tiered_router.resolver.sandbox.run import Result
from openhands_tiered_router.resolver.sandbox.served import Served
from openhands_tiered_router.resolver.work import Done


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
