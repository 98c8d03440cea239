"""Brings a graph up to date with the disk: what changed is read, nothing else."""

import contextlib
import gc
import math
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Final

from openhands_tiered_router.graph.cache import DAMAGED, Cache, Stamp, default_path
from openhands_tiered_router.graph.pool import Pool, worker_count
from openhands_tiered_router.graph.resolve.layout import Layout, read_layout
from openhands_tiered_router.graph.scan import Found, Listing, scan
from openhands_tiered_router.graph.snapshot import LARGE
from openhands_tiered_router.graph.worker import Reply
from openhands_tiered_router.graph.writer import Changes, Writer


RACY_NS: Final = 20_000_000
"""A file read this soon after its last change may have changed again unseen.

File systems stamp by a clock tick of up to 10 ms (git calls this "racy").
"""


type Report = Callable[[int, int], None]
"""Takes how many files were read, and of how many."""


class Refresher:
    """Compares the disk with what a writer knows."""

    def __init__(
        self,
        root: Path,
        *,
        cache: Path | None = None,
        persistent: bool = True,
        workers: int | None = None,
        report: Report | None = None,
    ) -> None:
        """Describe a workspace; nothing is read yet.

        Args:
            root: The workspace.
            cache: File of the cache; default: in the user's cache directory.
            persistent: False to keep nothing on disk.
            workers: Processes to read with; default: what pays.
            report: Called with the progress, from the thread that refreshes.
        """
        self.root = root.resolve()
        self.cache = None
        if persistent:
            self.cache = Cache(cache or default_path(self.root), self.root)
        self.workers = workers
        self.report = report
        self.writer: Writer | None = None
        self._layout = ""

    def start(self) -> Writer:
        """Load the cache, then read what changed since; publish the result."""
        listing = scan(self.root)
        cache = self.cache if self.cache is not None and self.cache.open() else None
        self.cache = cache
        large = len(listing.files) > LARGE
        writer = self.writer = Writer(self.root, cache, large=large)
        if not writer.load() and cache is not None:
            cache.delete()
            cache.open()
            writer = self.writer = Writer(self.root, cache, large=large)
        stamps = str(listing.stamps)
        writer.layout = read_layout(self.root, listing.manifests)
        if writer.stamps and not writer.sealed(stamps):
            with self._pool(found.size for found in listing.files.values()) as pool:
                writer.relink(writer.layout, pool)
        self._layout = stamps
        self._take(writer, listing)
        return writer

    def refresh(self) -> frozenset[str]:
        """Look at the disk again; return the paths that changed."""
        return self._take(self._started(), scan(self.root))

    def reread(self, paths: set[str], budget: float = math.inf) -> frozenset[str]:
        """Look at some files again, by what is in them.

        After `budget` seconds the files that depend on them are left for
        `Writer.settle`.
        """
        found = [Found(path, 0, 0) for path in sorted(paths)]
        with _uncollected():
            return self._apply(self._started(), found, set(), budget=budget)

    def save(self) -> None:
        """Store what changed."""
        self._started().save(self._layout)

    def close(self) -> None:
        """Store what changed, and disconnect."""
        self.save()
        if self.cache is not None:
            self.cache.close()

    def _started(self) -> Writer:
        if self.writer is None:
            raise RuntimeError("call start() first")
        return self.writer

    def _take(self, writer: Writer, listing: Listing) -> frozenset[str]:
        """Apply the difference between a listing and the writer's stamps."""
        stale = [f for f in listing.files.values() if _stale(f, writer.stamps)]
        gone = writer.stamps.keys() - listing.files.keys()
        layout = None
        if str(listing.stamps) != self._layout:
            self._layout = str(listing.stamps)
            read = read_layout(self.root, listing.manifests)
            layout = read if read != writer.layout else None
        touched: frozenset[str] = frozenset()
        if stale or gone or layout is not None:
            touched = self._apply(writer, stale, gone, layout)
        skipped = Counter(listing.skipped)
        skipped.update(s.reason for s in writer.stamps.values() if s.reason)
        if not writer.graph.complete or writer.graph.skipped != skipped:
            writer.publish(skipped)
        return touched

    def _apply(
        self,
        writer: Writer,
        stale: list[Found],
        gone: set[str],
        layout: Layout | None = None,
        budget: float = math.inf,
    ) -> frozenset[str]:
        seen: dict[str, Stamp] = {}
        touched: frozenset[str] = frozenset()
        with self._pool(found.size for found in stale) as pool:
            changes = self._changes(writer, pool, stale, gone, seen)
            first = list(islice(changes, 1))
            if first or layout is not None:
                changes = chain(first, changes)
                touched = writer.apply(changes, layout, budget=budget, pool=pool)
        writer.touch(seen)
        return touched

    def _pool(self, sizes: Iterable[int]) -> Pool:
        return Pool(self.root, worker_count(sum(sizes), self.workers))

    def _changes(
        self,
        writer: Writer,
        pool: Pool,
        stale: list[Found],
        gone: set[str],
        seen: dict[str, Stamp],
    ) -> Changes:
        """Yield what differs; files that turn out to be the same go to `seen`."""
        now = time.time_ns()
        for path in sorted(gone):
            yield Stamp(0, 0, now, reason="gone"), Reply(path, None)
        by_path = {found.path: found for found in stale}
        for done, reply in enumerate(pool.read(stale, packed=writer.packs), 1):
            found = by_path[reply.path]
            known = writer.stamps.get(reply.path)
            digest, reason = reply.digest, reply.reason
            stamp = Stamp(found.mtime_ns, found.size, now, digest, reason)
            if known and (known.digest, known.reason) == (digest, reason):
                seen[reply.path] = stamp
            else:
                yield stamp, reply
            if self.report is not None:
                self.report(done, len(stale))


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """Leave the garbage collector off for a few milliseconds.

    It would run ten times over what an update makes, a tenth of its time, and find
    nothing, as facts hold no cycles. Then it runs once.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def unchanged(root: Path, cache: Cache) -> bool:
    """Whether a workspace's files are those that a cache was made of, by their stamps.

    Nothing is read but the stamps, .2 s at 10,000 files.
    """
    try:
        stamps = cache.stamps()
    except DAMAGED:
        return False
    files = scan(root).files
    return stamps.keys() == files.keys() and not any(
        _stale(found, stamps) for found in files.values()
    )


def _stale(found: Found, stamps: dict[str, Stamp]) -> bool:
    """Whether a file must be read to know that it has not changed."""
    stamp = stamps.get(found.path)
    if stamp is None or stamp.size != found.size or stamp.mtime_ns != found.mtime_ns:
        return True
    return stamp.mtime_ns + RACY_NS > stamp.seen_ns
