"""One living graph a workspace, shared by all conversations of the process.

A daemon thread builds it, follows edits and saves it; everybody else takes the
latest snapshot, which is always there and never blocks. Nothing in here raises
for a workspace that is odd: the graph then stays empty, and `failure` says why.
"""

import logging
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from openhands_tiered_router.graph.refresh import Refresher
from openhands_tiered_router.graph.resolve.layout import MANIFESTS
from openhands_tiered_router.graph.snapshot import CodeGraph
from openhands_tiered_router.graph.writer import Writer


FIRST_LINK_S: Final = 0.008
"""Seconds of linking before an edit is published; the rest follows at once."""
SLICE_S: Final = 0.02
"""Seconds of linking between two looks at what else has come in."""
GIT_POLL_S: Final = 2.0
"""Seconds between two looks at git's HEAD and index."""
SCAN_EVERY_S: Final = 30.0
"""Seconds between two scans that nobody asked for."""
SCAN_SHARE: Final = 0.01
"""Share of one core that unasked scans may take, in large workspaces."""
SAVE_AFTER_S: Final = 1.0
"""Seconds of rest after which changes are saved."""

_GIT_FILES: Final = ("HEAD", "index", "ORIG_HEAD")
_log = logging.getLogger(__name__)


class Workspace:
    """A directory whose graph is kept current in the background.

    Making one does nothing; `start` begins the work and returns at once.
    """

    def __init__(
        self, root: Path, *, cache: Path | None = None, persistent: bool = True
    ) -> None:
        """Describe a workspace.

        Args:
            root: Its directory, absolute.
            cache: File of the cache; default: in the user's cache directory.
            persistent: False to keep nothing on disk.
        """
        self.root = root
        self.failure = ""
        """Why there is no graph, or "": type and message of the error."""
        self._options = (cache, persistent)
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._graph = CodeGraph(root)
        self._edits: set[str] = set()
        self._scan_wanted = False
        self._closing = False
        self._wake = threading.Event()
        self._idle = threading.Event()

    # -- for any thread; nothing here waits, but `wait`

    @property
    def graph(self) -> CodeGraph:
        """The latest snapshot; empty and not `complete` until the first build."""
        return self._graph

    def start(self) -> None:
        """Begin to build and follow; does nothing the second time."""
        with self._lock:
            if self._thread is None and not self._closing:
                self._thread = threading.Thread(
                    target=self._run, name="code-graph", daemon=True
                )
                self._thread.start()

    def note_edit(self, path: str | os.PathLike[str]) -> None:
        """Say that a file was written, made, moved or deleted.

        Args:
            path: Absolute, or relative to the workspace; one that lies outside
                is ignored.
        """
        relative = self._relative(path)
        if relative is not None:
            with self._lock:
                self._edits.add(relative)
                self._idle.clear()
            self._wake.set()

    def rescan(self) -> None:
        """Say that anything may have changed, such as after a shell command."""
        with self._lock:
            self._scan_wanted = True
            self._idle.clear()
        self._wake.set()

    def wait(self, timeout: float | None = None) -> bool:
        """Block until everything noted so far is in the graph.

        For scripts and tests; never call it on an event loop.

        Returns:
            False if `timeout` seconds passed first, or there is no graph.
        """
        return self._idle.wait(timeout) and not self.failure

    def close(self, timeout: float = 5.0) -> None:
        """Stop following, and save what is unsaved."""
        with self._lock:
            self._closing = True
            thread = self._thread
        self._wake.set()
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout)

    def _relative(self, path: str | os.PathLike[str]) -> str | None:
        full = os.path.normpath(os.path.join(self.root, os.fspath(path)))
        relative = os.path.relpath(full, self.root)
        outside = relative == os.pardir or relative.startswith(os.pardir + os.sep)
        if outside or os.path.isabs(relative):
            return None
        return relative.replace(os.sep, "/")

    # -- in the thread

    def _run(self) -> None:
        try:
            self._follow()
        except Exception as error:  # a graph is never worth a run
            self.failure = f"{type(error).__name__}: {error}"
            _log.warning(
                "code graph of %s stopped (%s); routing goes on without it",
                self.root,
                self.failure,
            )
        finally:
            self._idle.set()

    def _follow(self) -> None:
        cache, persistent = self._options
        refresher = Refresher(self.root, cache=cache, persistent=persistent)
        writer = refresher.start()
        self._graph = writer.graph
        if writer.graph.missing_grammars:
            _log.warning(
                "code graph of %s: no grammar for %s; their files have no definitions."
                " Remedy: pip install 'openhands-tiered-router[languages]'",
                self.root,
                ", ".join(sorted(writer.graph.missing_grammars)),
            )
        refresher.save()
        writer.prepare()
        clock = _Clock(refresher.root)
        while not self._closing:
            self._step(refresher, writer, clock)
        refresher.close()

    def _step(self, refresher: Refresher, writer: Writer, clock: "_Clock") -> None:
        """Take in what was noted, or do what there is time for, or wait."""
        with self._lock:
            edits, self._edits = self._edits, set()
            scan, self._scan_wanted = self._scan_wanted, False
            self._wake.clear()
        direct = {path for path in edits if path in writer.stamps}
        if direct:
            refresher.reread(direct, FIRST_LINK_S)
        elif not scan and writer.pending:
            writer.settle(SLICE_S)
        self._graph = writer.graph
        if scan or any(_matters(path) for path in edits - direct) or clock.scan_due():
            clock.scanned(refresher.refresh)
            self._graph = writer.graph
        if edits or scan or writer.pending:
            clock.changed = True
            return
        with self._lock:
            if not self._edits and not self._scan_wanted:
                self._idle.set()
        if not self._wake.wait(SAVE_AFTER_S if clock.changed else GIT_POLL_S):
            if clock.changed:
                refresher.save()
            clock.changed = False


class _Clock:
    """When to look at the disk without having been asked."""

    def __init__(self, root: Path) -> None:
        self._git = [root / ".git" / name for name in _GIT_FILES]
        self._seen = self._stamps()
        self._next = time.monotonic() + SCAN_EVERY_S
        self.changed = False
        """Whether there is something to save."""

    def scan_due(self) -> bool:
        """Whether git moved, or it has been long enough."""
        stamps = self._stamps()
        moved, self._seen = stamps != self._seen, stamps
        return moved or time.monotonic() >= self._next

    def scanned(self, refresh: Callable[[], object]) -> None:
        """Scan, and set the time of the next one by how long it took."""
        start = time.monotonic()
        self.changed |= bool(refresh())
        spent = time.monotonic() - start
        self._next = time.monotonic() + max(SCAN_EVERY_S, spent / SCAN_SHARE)

    def _stamps(self) -> list[int]:
        return [_mtime(path) for path in self._git]


def _mtime(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _matters(path: str) -> bool:
    """Whether an unknown path may be a new source file, directory or manifest."""
    from openhands_tiered_router.graph.languages import (
        language_of,  # 5 ms at the first call
    )

    name = path.rpartition("/")[2]
    return (
        language_of(path) is not None
        or name in MANIFESTS
        or name == ".gitignore"
        or "." not in name
    )


_workspaces: dict[str, Workspace] = {}
_registry_lock = threading.Lock()


def get(root: str | os.PathLike[str]) -> Workspace:
    """Return the process's one `Workspace` of a directory, started.

    Returns at once; its graph is empty until the first build has ended.
    """
    key = os.path.abspath(os.fspath(root))
    with _registry_lock:
        workspace = _workspaces.get(key)
        if workspace is None:
            workspace = _workspaces[key] = Workspace(Path(key))
    workspace.start()
    return workspace


def close(root: str | os.PathLike[str]) -> None:
    """Stop following a directory; asked for again, it is followed anew."""
    with _registry_lock:
        workspace = _workspaces.pop(os.path.abspath(os.fspath(root)), None)
    if workspace is not None:
        workspace.close()


def close_all() -> None:
    """Stop following every workspace (at the end of a process, in tests)."""
    with _registry_lock:
        found = list(_workspaces.values())
        _workspaces.clear()
    for workspace in found:
        workspace.close()


def _after_fork() -> None:
    """Threads do not survive a fork: the child starts its own when asked."""
    global _registry_lock
    _registry_lock = threading.Lock()
    _workspaces.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
