"""Fixtures for all tests."""

from __future__ import annotations

import os
import sys


# Or each process would compile the SDK, which takes longer than most tests.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
# Both are read when the SDK and litellm are imported; no test may use the network.
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
os.environ["OPENHANDS_SUPPRESS_BANNER"] = "1"

from collections.abc import Iterator
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from openhands_tiered_router.calls.fleet import reset_fleet
from openhands_tiered_router.calls.state.stores import forget_stores
from openhands_tiered_router.loopback import LoopbackProvider
from tests.waiting import wait_until


sys.dont_write_bytecode = False
# Each run tries the same examples, however slow the machine is. Others are tried with
# `pytest --hypothesis-profile=default`.
settings.register_profile(
    "repeatable",
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("repeatable")


@pytest.fixture
def provider() -> Iterator[LoopbackProvider]:
    """A strict provider that answers 'Done.'; set ``provider.script`` for more."""
    with LoopbackProvider() as provider:
        yield provider


@pytest.fixture(scope="session", autouse=True)
def _own_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The shells of agents read no start files of the user's.

    Those may be slow, and what they lock stays locked when a test kills them (pyenv
    then waits a minute in every later shell).
    """
    with pytest.MonkeyPatch.context() as patch:
        for variable, path in {
            "UV_CACHE_DIR": "~/.cache/uv",
            "CARGO_HOME": "~/.cargo",
            "RUSTUP_HOME": "~/.rustup",
        }.items():
            if variable not in os.environ:
                patch.setenv(variable, os.path.expanduser(path))
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        yield


class _ReadyShells(MetaPathFinder):
    """The agents' shells show their prompt before a command is sent to them.

    The SDK gives a shell 0.2 s to start. One that takes longer ends the agent's first
    command with its first prompt, and each result then comes one command late. The
    SDK's module is patched when a test imports it: importing it here would cost every
    test process 5 s of CPU.
    """

    module = "openhands.tools.terminal.terminal.tmux_pane_pool"

    def find_spec(
        self, fullname: str, path: object, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != self.module:
            return None
        sys.meta_path.remove(self)
        spec = find_spec(fullname)
        assert spec
        assert spec.loader
        execute = spec.loader.exec_module

        def execute_and_patch(module: ModuleType) -> None:
            execute(module)
            self._patch(module)

        spec.loader.exec_module = execute_and_patch
        return spec

    def _patch(self, module: ModuleType) -> None:
        from openhands.tools.terminal.metadata import CmdOutputMetadata

        create = module.TmuxPanePool._create_pane

        def create_ready(pool: Any) -> Any:
            pane = create(pool)
            shown = CmdOutputMetadata.matches_ps1_metadata
            wait_until(lambda: shown(pane.read_screen()))
            return pane

        module.TmuxPanePool._create_pane = create_ready


sys.meta_path.insert(0, _ReadyShells())


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes the user's files, or another test's shared state."""
    monkeypatch.setenv("TIERED_ROUTER_TELEMETRY", str(tmp_path / "telemetry.sqlite3"))
    monkeypatch.setenv("TIERED_ROUTER_STATE", str(tmp_path / "state.sqlite3"))
    forget_stores()
    reset_fleet()
