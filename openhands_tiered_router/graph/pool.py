"""Reads many files at once, in as many processes as pay."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import BinaryIO, Final, cast

import msgspec

from .extract import unparsed
from .languages import language_of
from .scan import Found
from .sources import LeftOutError, read_source
from .worker import Reply, receive_replies, reply_to, send


BYTES_PER_WORKER: Final = 600_000
"""Source for which one more process pays: 0.1 s of reading, its start-up."""
CHUNK_BYTES: Final = 120_000
"""Source in one request, about 20 ms of work."""
MOST: Final = 8
"""Processes at most; from there on the parent is what limits."""


def worker_count(files: Sequence[Found], wanted: int | None = None) -> int:
    """Return how many processes to use; 0 to read in this one."""
    if wanted is not None:
        return wanted
    if getattr(sys, "frozen", False) or not sys.executable:
        return 0
    size = sum(found.size for found in files)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    most = min(cores or os.cpu_count() or 1, MOST)
    return min(most, size // BYTES_PER_WORKER) if size > 2 * BYTES_PER_WORKER else 0


def read_all(
    root: Path, files: Sequence[Found], workers: int | None = None
) -> Iterator[Reply]:
    """Yield what became of each file, in no particular order."""
    count = worker_count(files, workers)
    if count == 0:
        for found in files:
            yield reply_to(root, found.path)
        return
    chunks = SimpleQueue[list[str] | None]()
    replies = SimpleQueue[list[Reply] | None]()
    for chunk in _chunks(files):
        chunks.put(chunk)
    for _ in range(count):
        chunks.put(None)
        threading.Thread(
            target=_serve, args=(root, chunks, replies), daemon=True
        ).start()
    while count:
        answer = replies.get()
        if answer is None:
            count -= 1
        else:
            yield from answer


def _chunks(files: Sequence[Found]) -> Iterator[list[str]]:
    """Cut the work into requests, the large files first so that none is last."""
    chunk: list[str] = []
    size = 0
    for found in sorted(files, key=lambda found: (-found.size, found.path)):
        chunk.append(found.path)
        size += found.size + 500
        if size >= CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _serve(
    root: Path,
    chunks: SimpleQueue[list[str] | None],
    replies: SimpleQueue[list[Reply] | None],
) -> None:
    """Drive one worker; a file that kills it becomes a node without content."""
    worker = _Worker(root)
    try:
        while (chunk := chunks.get()) is not None:
            answer = worker.ask(chunk)
            if answer is None:
                for path in chunk:
                    replies.put(worker.ask([path]) or [_opaque(root, path)])
            else:
                replies.put(answer)
    finally:
        worker.close()
        replies.put(None)


def _opaque(root: Path, path: str) -> Reply:
    """Return a node for a file that cannot be parsed without a crash."""
    language = language_of(path)
    try:
        source = read_source(root, path)
    except LeftOutError as error:
        return Reply(path, None, str(error))
    return Reply(path, unparsed(path, source, language.name if language else ""))


class _Worker:
    """One child process, started again when it dies."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, paths: list[str]) -> list[Reply] | None:
        """Have files read; None if that killed the process."""
        try:
            if self._process is None:
                self._process = _start(self._root)
            send(cast(BinaryIO, self._process.stdin), paths)
            return receive_replies(cast(BinaryIO, self._process.stdout))
        except (OSError, EOFError, msgspec.DecodeError):
            self.close()
            return None

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


def _start(root: Path) -> "subprocess.Popen[bytes]":
    paths = [path for path in sys.path if os.path.isabs(path)]
    return subprocess.Popen(
        # -P: the current directory may be the workspace, never import from it
        [sys.executable, "-P", "-m", "openhands_tiered_router.graph.worker", root],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
    )
