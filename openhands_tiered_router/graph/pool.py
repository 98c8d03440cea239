"""Reads and links many files at once, in as many processes as pay."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from queue import SimpleQueue
from typing import BinaryIO, Final, Self, cast

import msgspec
from msgspec import Raw

from openhands_tiered_router.graph.extract import unparsed
from openhands_tiered_router.graph.languages import language_of
from openhands_tiered_router.graph.model import FileFacts
from openhands_tiered_router.graph.resolve.interface import Interface
from openhands_tiered_router.graph.resolve.layout import Layout
from openhands_tiered_router.graph.scan import Found
from openhands_tiered_router.graph.sources import LeftOutError, read_source
from openhands_tiered_router.graph.worker import (
    Learn,
    Link,
    Links,
    Read,
    Reply,
    Request,
    encode,
    links,
    packed_replies,
    receive,
    replies,
    reply_of,
    reply_to,
    send,
)


BYTES_PER_WORKER: Final = 600_000
"""Source for which one more process pays: 0.1 s of reading, its start-up."""
CHUNK_BYTES: Final = 120_000
"""Source in one request, about 20 ms of work."""
LINK_CHUNK: Final = 24
"""Files in one request to link, about as long; neighbours share answers."""
MOST: Final = 8
"""Processes at most; from there on the parent is what limits."""


def worker_count(size: int, wanted: int | None = None) -> int:
    """Return how many processes to use for `size` bytes of source; 0 for none."""
    if wanted is not None:
        return wanted
    if getattr(sys, "frozen", False) or not sys.executable:
        return 0
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    most = min(cores or os.cpu_count() or 1, MOST)
    return min(most, size // BYTES_PER_WORKER) if size > 2 * BYTES_PER_WORKER else 0


class Pool:
    """Some worker processes, ended with the ``with`` block; to be used by one thread.

    Without processes it reads in this one, and links nothing.
    """

    def __init__(self, root: Path, count: int) -> None:
        self._root = root
        self._workers = [_Worker(root) for _ in range(count)]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.close()

    def read(
        self, files: Sequence[Found], *, packed: bool = False
    ) -> "Iterator[Reply[FileFacts | None] | Reply[Raw]]":
        """Yield what became of each file, in no particular order.

        A file that kills its worker becomes a node without content.

        Args:
            files: What to read.
            packed: Whether to leave the facts encoded that processes send.
        """
        if not self._workers:
            yield from (reply_to(self._root, found.path) for found in files)
            return
        reads = _reads(files)
        asked = (
            self._ask(reads, packed_replies) if packed else self._ask(reads, replies)
        )
        for request, answer in asked:
            yield from answer or (_opaque(self._root, p) for p in request.paths)

    def link(
        self,
        layout: Layout,
        interfaces: dict[str, Interface],
        files: Iterable[FileFacts | Raw],
    ) -> Iterator[Links]:
        """Yield the edges of files, in no particular order.

        Files that a worker died of are missing, and all are without processes.
        """
        if not self._workers:
            return
        learn = encode(Learn(layout, interfaces))
        for worker in self._workers:
            worker.learn = learn
        rest = iter(files)
        chunks = iter(lambda: Link(list(islice(rest, LINK_CHUNK))), Link([]))
        for _, answer in self._ask(chunks, links):
            yield from answer or ()

    def _ask[R: (Read, Link), A](
        self, requests: Iterator[R], decoder: "msgspec.msgpack.Decoder[list[A]]"
    ) -> "Iterator[tuple[R, list[A] | None]]":
        """Yield requests with their answers; none for what kills its worker.

        Requests are made as workers take them, so that few are in memory.
        """
        waiting = SimpleQueue[R | None]()
        answers = SimpleQueue[list[tuple[R, list[A] | None]]]()

        def serve(worker: _Worker) -> None:
            while (request := waiting.get()) is not None:
                answer = worker.ask(request, decoder)
                found = [(request, answer)]
                if answer is None:
                    found = [(r, worker.ask(r, decoder)) for r in request.single()]
                answers.put(found)

        for worker in self._workers:
            threading.Thread(target=serve, args=(worker,), daemon=True).start()
        open_requests = 0
        for request in islice(requests, 2 * len(self._workers)):
            waiting.put(request)
            open_requests += 1
        try:
            while open_requests:
                found = answers.get()
                following = next(requests, None)
                if following is None:
                    open_requests -= 1
                else:
                    waiting.put(following)
                yield from found
        finally:
            for _ in self._workers:
                waiting.put(None)


def _reads(files: Sequence[Found]) -> Iterator[Read]:
    """Cut the work into requests, the large files first so that none is last."""
    chunk: list[str] = []
    size = 0
    for found in sorted(files, key=lambda found: (-found.size, found.path)):
        chunk.append(found.path)
        size += found.size + 500
        if size >= CHUNK_BYTES:
            yield Read(chunk)
            chunk, size = [], 0
    if chunk:
        yield Read(chunk)


def _opaque(root: Path, path: str) -> Reply[FileFacts | None]:
    """Return a node for a file that cannot be parsed without a crash."""
    language = language_of(path)
    try:
        source = read_source(root, path)
    except LeftOutError as error:
        return Reply(path, None, reason=str(error))
    return reply_of(unparsed(path, source, language.name if language else ""))


class _Worker:
    """One child process, started again when it dies."""

    def __init__(self, root: Path) -> None:
        self.learn = b""
        """Sent to each process before its first task."""
        self._root = root
        self._process: subprocess.Popen[bytes] | None = None
        self._learnt: bytes = b""

    def ask[A](
        self, request: Request, decoder: "msgspec.msgpack.Decoder[list[A]]"
    ) -> list[A] | None:
        """Return the answer; None if the request killed the process."""
        try:
            if self._process is None:
                self._process, self._learnt = _start(self._root), b""
            stdin = cast(BinaryIO, self._process.stdin)
            if self.learn is not self._learnt:
                send(stdin, self.learn)
                self._learnt = self.learn
            send(stdin, encode(request))
            return decoder.decode(receive(cast(BinaryIO, self._process.stdout)))
        except (OSError, ValueError, msgspec.DecodeError):
            self.close()
            return None

    def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()


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
