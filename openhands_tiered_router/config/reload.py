"""Noticing that a configuration has changed, without trusting half-written files."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from openhands_tiered_router.config.profiles import profile_dir
from openhands_tiered_router.config.schema import RouterConfig
from openhands_tiered_router.config.settings import fitted_path


class FileWatch:
    """Compares what the file system says of files; a look takes microseconds.

    Not their content, and no events of the kernel: those miss what happens on network
    drives, and the links that Kubernetes swaps under a ConfigMap.
    """

    def __init__(self, paths: Iterable[Path]) -> None:
        self._taken = {path: _state(path) for path in paths}
        self._pending = self._taken

    def changed(self) -> bool:
        """Whether they differ from what was taken note of, and have settled: two looks
        in a row saw the same. Then that is taken note of."""
        now = self._look()
        settled = now == self._pending
        self._pending = now
        if not settled or now == self._taken:
            return False
        self._taken = now
        return True

    def take(self) -> None:
        """Takes note of how they are now: they are about to be read."""
        self._taken = self._pending = self._look()

    def follow(self, paths: Iterable[Path]) -> None:
        """Watches those instead; of what was watched before the note stays."""
        known = self._taken
        self._taken = {p: known.get(p) or _state(p) for p in paths}
        self._pending = self._taken

    def _look(self) -> dict[Path, object]:
        return {path: _state(path) for path in self._taken}


def watched_files(config: RouterConfig, path: Path) -> tuple[Path, ...]:
    """The configuration and what it names: fitted models, profiles of the SDK."""
    names = {e.profile for e in config.endpoints().values() if e.profile}
    stems = sorted(name.removesuffix(".json") for name in names)
    profiles = [profile_dir(os.environ) / f"{stem}.json" for stem in stems]
    fitted = fitted_path(config)
    return (path, *profiles, *((fitted,) if fitted else ()))


def _state(path: Path) -> object:
    """What changes with a file: also with its permissions, and with a link's target."""
    try:
        found = os.stat(path)
    except (OSError, ValueError) as error:
        return type(error).__name__
    return (
        found.st_dev,
        found.st_ino,
        found.st_size,
        found.st_mtime_ns,
        found.st_ctime_ns,
    )
