"""Configurations that change while routers work by them.

A thread reads the file and makes all of the new version, then swaps one reference.
Each router takes the version up at the beginning of its next call; calls under way
end on what they began with.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from types import FrameType
from typing import Any, Final

from openhands.sdk.llm import LLM

from openhands_tiered_router.config import (
    ConfigError,
    RouterConfig,
    build_llms,
    load_config,
)
from openhands_tiered_router.config.reload import FileWatch, watched_files
from openhands_tiered_router.config.settings import settings_of
from openhands_tiered_router.policy.engine import Rule
from openhands_tiered_router.record.telemetry.recorder import TelemetryRecorder
from openhands_tiered_router.sdk.endpoints import with_verdicts
from openhands_tiered_router.sdk.setup import RouterSetup
from openhands_tiered_router.settings import ReloadSettings, RouterSettings
from openhands_tiered_router.tiers import Tier


logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Version:
    """A configuration, with all that routers need of it. Shared: nobody changes it."""

    config: RouterConfig
    settings: RouterSettings
    llms: Mapping[str, LLM]
    setup: RouterSetup
    """For routers with the standard rules."""

    @property
    def default_tier(self) -> Tier:
        return self.config.default_tier

    @classmethod
    def of(cls, config: RouterConfig, *, follow: bool = True) -> Version:
        """Reads what the configuration names: keys, profiles, fitted models.

        ``follow``: whether routers go on following its file.

        Raises:
            ConfigError: It cannot be used.
        """
        llms, settings = build_llms(config), with_verdicts(settings_of(config))
        if not follow:
            settings = settings.model_copy(update={"follows_file": False})
        setup = RouterSetup.of(llms, settings, config.default_tier)
        return cls(config, settings, llms, setup)


class Unshared:
    """A setup that is made on demand and does not travel: copies begin without one.

    The rules go along to copies, but not into a pickle: they are code.
    """

    __slots__ = ("rules", "value", "version")

    def __init__(self, rules: Sequence[Rule] | None = None) -> None:
        self.rules = None if rules is None else tuple(rules)
        """``None``: the standard ones, built from the settings."""
        self.value: RouterSetup | None = None
        self.version: Version | None = None
        """The changed configuration that it was made from; ``None``: the first one."""

    def __copy__(self) -> Unshared:
        return Unshared(self.rules)

    def __deepcopy__(self, _: dict[int, Any]) -> Unshared:
        return Unshared(self.rules)

    def __reduce__(self) -> tuple[type[Unshared], tuple[()]]:
        return Unshared, ()


class LiveConfig:
    """A configuration file, as the routers of this process follow it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.newest: Version | None = None
        """``None``: as it was when the routers were made."""
        self.prepare: Callable[[RouterConfig], None] = lambda _: None
        """Called before a version is in force; what it raises keeps the old one."""
        self._watch = FileWatch([path])
        self._lock = threading.Lock()
        self._asked: SimpleQueue[None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._settings = ReloadSettings()
        self._recorder = TelemetryRecorder.disabled()

    def was_read(self, config: RouterConfig) -> None:
        """Notes what it names, so that changes of that are seen too."""
        self._watch.follow(watched_files(config, self.path))

    def reload(self) -> Version:
        """Reads the file; calls under way are left alone. Not for an event loop.

        Raises:
            ConfigError: It cannot be used; what was in force stays so.
        """
        with self._lock:
            try:
                self._watch.take()
                config = load_config(self.path)
                version = Version.of(config)
                self.prepare(config)
            except Exception:
                self._note("rejected")
                raise
            self.was_read(config)
            self._settings = version.settings.reload
            self._recorder = version.setup.recorder
            self.newest = version
            self._note("reloaded")
            return version

    def start(self, setup: RouterSetup, settings: ReloadSettings) -> None:
        """Watches from now on, or waits to be asked. Returns at once."""
        if self._thread is not None:
            return
        self._settings, self._recorder = settings, setup.recorder
        self._thread = threading.Thread(
            target=self._run, name="tiered-router-reload", daemon=True
        )
        self._thread.start()

    def ask(self) -> None:
        """Has the file read soon, by the thread. Also for signal handlers: they may
        interrupt each other, on which the lock of an ``Event`` never comes free."""
        self._asked.put(None)

    def _run(self) -> None:
        while True:
            settings = self._settings
            asked = self._wait(settings.interval if settings.watch else None)
            if asked or self._changed():
                self._try()

    def _wait(self, seconds: float | None) -> bool:
        """Whether it was asked for, once or more."""
        try:
            self._asked.get(timeout=seconds)
        except Empty:
            return False
        while not self._asked.empty():
            self._asked.get()
        return True

    def _changed(self) -> bool:
        with self._lock:
            return self._watch.changed()

    def _try(self) -> None:
        try:
            self.reload()
        except ConfigError as error:
            logger.error("%s; the configuration as it was stays in force", error)
        except Exception as error:
            # The type alone: a message could quote the file, which may hold a key.
            name = type(error).__name__
            logger.error("%s not read again: %s; it stays as it was", self.path, name)
        else:
            logger.info("%s: read again; in force from the next call on", self.path)

    def _note(self, kind: str) -> None:
        self._recorder.note("config", kind, conversation_id=None, time=time.time())


_live: Final[dict[Path, LiveConfig]] = {}


def live_config(path: Path | str) -> LiveConfig:
    """The process's one for that file."""
    absolute = Path(path).absolute()
    return _live.get(absolute) or _live.setdefault(absolute, LiveConfig(absolute))


def newest_version(path: str | None) -> Version | None:
    """What is in force for routers from that file; ``None``: what they began with."""
    live = _live.get(Path(path)) if path else None
    return live.newest if live else None


def reload_config(path: Path | str) -> None:
    """Reads a configuration file again, for all routers of this process made from it.

    They take it up at their next call. Reads files, so not for an event loop.

    Raises:
        ConfigError: It cannot be used; what was in force stays so.
    """
    live_config(path).reload()


def reload_on_sighup() -> None:
    """Has ``SIGHUP`` read all followed files again; call it from the main thread.

    Without it the signal ends the process, as ever. Not on Windows, which has none.
    """
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, _on_sighup)


def _on_sighup(_: int, __: FrameType | None) -> None:
    # Takes no locks: a handler may run in the middle of anything, itself included.
    for live in list(_live.values()):
        live.ask()


if hasattr(os, "register_at_fork"):
    # Threads do not survive a fork, and locks may be held: a child keeps what it has.
    os.register_at_fork(after_in_child=_live.clear)
