"""What is told and kept of a run in a sandbox; the sandbox is a directory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from uuid import uuid4

import click
import pytest
from openhands.sdk.conversation.state import ConversationExecutionStatus as Status
from openhands.sdk.workspace import LocalWorkspace

from openhands_tiered_router.cli import run_sandbox
from openhands_tiered_router.cli.resolve_remote import RemoteAgent
from openhands_tiered_router.cli.served import Served, ServedReporter
from openhands_tiered_router.resolver.sandbox import opening
from openhands_tiered_router.resolver.sandbox.opening import Place
from openhands_tiered_router.resolver.sandbox.settings import Sandbox, SandboxSettings
from openhands_tiered_router.resolver.work import Done, Work
from tests.resolver.conftest import git


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    there = tmp_path / "there" / "work"
    there.mkdir(parents=True)

    @contextmanager
    def opened(_: Place) -> Iterator[LocalWorkspace]:
        yield LocalWorkspace(working_dir=str(there))

    monkeypatch.setattr(opening, "opened", opened)
    return Place(
        sandbox=Sandbox.DOCKER,
        settings=SandboxSettings(),
        conversation=uuid4(),
        directory=tmp_path / "private",
    )


def ended(workspace: LocalWorkspace, *_: object, **__: object) -> None:
    """What SIGTERM does in the middle of the work."""
    Path(workspace.working_dir, "code.py").write_text("value = 2\n")
    raise SystemExit(143)


def test_run_keeps_what_was_done(
    place: Place, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_sandbox, "Served", lambda **_: ended)
    request = run_sandbox.Request(
        sandbox=Sandbox.DOCKER,
        task="Make it 2.",
        workspace=project,
        config=None,
        max_iterations=1,
        resume=None,
        state=place.directory,
        verify=None,
        budget=None,
        task_value=None,
        as_json=True,
    )
    with pytest.raises(SystemExit):
        run_sandbox._run(request, cast("Any", None), cast("Any", None), place)
    assert (project / "code.py").read_text() == "value = 2\n"


def test_resolve_keeps_what_was_done(place: Place, project: Path) -> None:
    def served(*arguments: Any, **options: Any) -> None:
        ended(*arguments, **options)

    served.router = SimpleNamespace(settings=SimpleNamespace(key_variables={}))  # pyright: ignore
    work = Work(
        directory=project,
        base=git(project, "rev-parse", "HEAD"),
        conversation=place.conversation,
        task="Make it 2.",
    )
    with pytest.raises(SystemExit):
        RemoteAgent(served=cast("Served", served), place=place)(work)
    assert (project / "code.py").read_text() == "value = 2\n"


def test_ctrl_c_at_the_question_is_neither_yes_nor_no() -> None:
    def ask(_: object) -> None:
        raise click.Abort

    served = Served(
        router=cast("Any", None),
        reporter=cast("Any", None),
        sandbox=Sandbox.DOCKER,
        max_iterations=1,
        ask=ask,
    )
    state = SimpleNamespace(execution_status=Status.WAITING_FOR_CONFIRMATION)
    assert served._must_wait(cast("Any", SimpleNamespace(state=state)))


def test_names_of_files_cannot_write_to_the_terminal(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    request = cast("Any", SimpleNamespace(as_json=False))
    done = Done(exit_code=0, status="finished")
    reporter = ServedReporter(as_json=False)
    run_sandbox._tell(request, place, reporter, done, ("a\x1b[2Jb",), 0)
    assert "Changed here: a\\x1b[2Jb" in capsys.readouterr().out
