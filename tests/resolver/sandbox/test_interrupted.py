"""What is told and kept of a run in a sandbox; the sandbox is a directory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from uuid import uuid4

import pytest
from openhands.sdk.workspace import LocalWorkspace

from openhands_tiered_router.config.resolver import Sandbox, SandboxSettings
from openhands_tiered_router.git import Git
from openhands_tiered_router.resolver.errors import DeliveryError, ResolveError
from openhands_tiered_router.resolver.sandbox import opening, run, transfer
from openhands_tiered_router.resolver.sandbox.opening import Place
from openhands_tiered_router.resolver.sandbox.remote import RemoteAgent
from openhands_tiered_router.resolver.sandbox.served import Served
from openhands_tiered_router.resolver.work import Work
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
    monkeypatch.setattr(run, "Served", lambda **_: ended)
    request = run.Request(
        sandbox=Sandbox.DOCKER,
        task="Make it 2.",
        workspace=project,
        config=None,
        max_iterations=1,
        resume=None,
        state=place.directory,
        verify=None,
        budget=None,
    )
    with pytest.raises(SystemExit):
        run._run(request, cast("Any", None), cast("Any", None), place)
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


def test_a_change_that_does_not_fit_is_kept(
    tmp_path: Path, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    patch = b"--- a/nowhere.py\n+++ b/nowhere.py\n@@ -1 +1 @@\n-old\n+new\n"
    monkeypatch.setattr(transfer, "fetch", lambda _: patch)
    place = Place(
        sandbox=Sandbox.DOCKER,
        settings=SandboxSettings(),
        conversation=uuid4(),
        directory=tmp_path / "kept",
    )
    agent = RemoteAgent(served=cast(Any, None), place=place)
    own = Git(project / ".git", project, failure=ResolveError)
    with pytest.raises(DeliveryError, match=str(tmp_path / "kept")):
        agent._take_back(own, cast(Any, None))
    assert (tmp_path / "kept" / "change.patch").read_bytes() == patch
