"""The one that changes a graph: facts in, edges linked anew, a snapshot out.

After a change it links the changed files and those that had asked one of the
keys that now answer differently, and no others. The result is what a fresh
build would give (tests/graph/test_update.py holds it to that).
"""

import contextlib
import math
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import Final

from msgspec import Raw

from openhands_tiered_router.graph.cache import DAMAGED, Cache, Stamp, Summary
from openhands_tiered_router.graph.contents import Contents, OnDisk, Versions
from openhands_tiered_router.graph.grammar import (
    GrammarMissingError,
    compiled,
    has_grammar,
)
from openhands_tiered_router.graph.languages import by_name
from openhands_tiered_router.graph.model import (
    Call,
    Definition,
    FileEdge,
    FileFacts,
    FileNode,
    Import,
)
from openhands_tiered_router.graph.pool import Pool
from openhands_tiered_router.graph.readers import Readers
from openhands_tiered_router.graph.resolve.index import Index, Key
from openhands_tiered_router.graph.resolve.interface import interface_of
from openhands_tiered_router.graph.resolve.layout import Layout
from openhands_tiered_router.graph.resolve.link import Linker
from openhands_tiered_router.graph.snapshot import Change, CodeGraph
from openhands_tiered_router.graph.worker import Links, Reply, links_of


COMMON: Final = 0.02
"""Share of the files from which on a language is made ready before it is needed."""
BYTES_PER_S: Final = 10_000_000
"""Source that is linked in a second, to tell what does not fit into a budget. The
SDK's largest dependant, 373 kB, takes 19 ms on one core; half of that, to be safe."""
REMEMBERED: Final = 256
"""Changes kept for `CodeGraph.changed_since`."""

type Changes = Iterable[tuple[Stamp, Reply[FileFacts | None] | Reply[Raw]]]
"""When and how each file was read; no facts if it is gone or left out."""


class Writer:
    """Holds the current state; to be used by one thread at a time."""

    def __init__(self, root: Path, cache: Cache | None, *, large: bool) -> None:
        self.root = root
        self.cache = cache
        self.graph = CodeGraph(root)
        self.stamps: dict[str, Stamp] = {}
        self.layout = Layout()
        self._contents: Contents = OnDisk(cache) if large and cache else Contents()
        self._files: dict[str, FileNode] = {}
        self._links: dict[str, tuple[FileEdge, ...]] = {}
        self._file_versions = Versions(self._files)
        self._link_versions = Versions(self._links)
        self._index: Index | None = None
        self._readers = Readers()
        self._linker = Linker(Index(self.layout))
        self._unsaved: set[str] = set()
        self.pending: set[str] = set()
        """Files whose edges may be those of an earlier state; see `settle`."""

    # -- from and to the cache

    def load(self) -> bool:
        """Take over what the cache holds; False if that is nothing of use."""
        if self.cache is None:
            return False
        try:
            for row in self.cache.summaries():
                self.stamps[row.path] = row.stamp
                if row.node is not None:
                    self._files[row.path] = row.node
                    self._links[row.path] = row.links
            if not isinstance(self._contents, OnDisk):
                for path, facts, linked in self.cache.bodies():
                    self._contents.load(path, facts, linked)
                return self._agrees()
        except DAMAGED:
            for known in (self._files, self._links, self.stamps):
                known.clear()
            return False
        return bool(self._files)

    def _agrees(self) -> bool:
        """Whether summaries and contents are of the same state."""
        records = self._contents.records(())
        return records.keys() == self._files.keys() and all(
            record.facts.digest == self.stamps[path].digest
            for path, record in records.items()
        )

    def sealed(self, layout: str) -> bool:
        """Whether the cached edges were made of just these files and manifests."""
        try:
            known = self.cache.fingerprint() if self.cache else ""
        except DAMAGED:
            return False
        return known == self._fingerprint(layout)

    def save(self, layout: str) -> None:
        """Store what changed since the last time."""
        if self.cache is None:
            return
        self._contents.flush(self.cache)
        unsaved, self._unsaved = self._unsaved, set()
        kept = [path for path in unsaved if path in self.stamps]
        self.cache.write_summaries(self._summary(path) for path in kept)
        self.cache.forget(unsaved.difference(kept))
        self.cache.seal("" if self.pending else self._fingerprint(layout))

    def _summary(self, path: str) -> Summary:
        node = self._files.get(path)
        return Summary(path, self.stamps[path], node, self._links.get(path, ()))

    def _fingerprint(self, layout: str) -> str:
        """Return a checksum of all that edges depend on."""
        state = blake2b(layout.encode("utf-8", "replace"), digest_size=16)
        for path in sorted(self._files):
            state.update(path.encode() + b"\0" + self.stamps[path].digest)
        return state.hexdigest()

    # -- changes

    @property
    def packs(self) -> bool:
        """Whether facts may come encoded, as they go to disk at once."""
        return isinstance(self._contents, OnDisk) and not self._files

    def touch(self, stamps: Mapping[str, Stamp]) -> None:
        """Note that files were looked at and had not changed."""
        self.stamps.update(stamps)
        self._unsaved.update(stamps)

    def apply(
        self,
        changes: Changes,
        layout: Layout | None = None,
        *,
        budget: float = math.inf,
        pool: Pool | None = None,
    ) -> frozenset[str]:
        """Put in changed files, link what that concerns, publish a snapshot.

        Args:
            changes: Each path at most once.
            layout: Given when the manifests changed; everything is linked anew.
            budget: Seconds after which the files that depend on the changed
                ones are left for `settle`.
            pool: Processes that link with this one where everything is.

        Returns:
            The paths whose facts or edges changed.
        """
        deadline = time.perf_counter() + budget
        link_all = layout is not None or (self._index is None and not self._files)
        index = self._prepared(layout)
        touched: set[str] = set()
        alike: set[str] = set()
        keys: set[Key] = set()
        for stamp, reply in changes:
            touched.add(reply.path)
            before = None if link_all else self._contents.facts(reply.path)
            if _links_alike(before, reply.facts):
                alike.add(reply.path)
            keys |= index.replace(reply.path, reply.interface, compare=not link_all)
            self._enter(stamp, reply)
        if link_all:
            self._link_all(pool)
            touched |= self._files.keys()
        else:
            if keys:
                self._linker.forget(keys)
            concerned = self._readers.of(keys)
            self.pending |= concerned
            self._link_each(touched - (alike - concerned))
            touched |= self._link_pending(deadline, 0)
        self._publish(frozenset(touched))
        return frozenset(touched)

    def _link_all(self, pool: Pool | None) -> None:
        """Link every file, in processes if there are any."""
        index = self._prepared(None)
        self._linker.forget()
        self.pending = set(self._files)
        if pool is not None:
            contents = map(self._contents.packed, sorted(self._files))
            facts = (found for found in contents if found is not None)
            for links in pool.link(index.layout, index.interfaces, facts):
                self._enter_links(links)
        self._link_each(set(self.pending))

    def _link_each(self, paths: set[str]) -> None:
        """Link some files."""
        for path in sorted(paths & self._files.keys()):
            self._link(path)
        self.pending -= paths

    def settle(self, budget: float = math.inf) -> frozenset[str]:
        """Link files that an earlier change left waiting, for `budget` seconds.

        At least one is linked, however large it is.

        Returns:
            The paths that were linked.
        """
        touched = self._link_pending(time.perf_counter() + budget, 1)
        if touched:
            self._publish(frozenset(touched))
        return frozenset(touched)

    def _link_pending(self, deadline: float, least: int) -> set[str]:
        """Link waiting files, the smallest first; all of those count as touched.

        Readers may have been shown a file without edges to something that was
        gone and has come back, so that equal edges are news to them.

        Args:
            deadline: A file that would take longer is left, and so are larger ones.
            least: How many are linked however long that takes.
        """
        sizes = {p: self._files[p].size for p in self.pending & self._files.keys()}
        waiting = sorted(sizes, key=lambda path: (sizes[path], path))
        for done, path in enumerate(waiting):
            end = time.perf_counter() + sizes[path] / BYTES_PER_S
            if done >= least and end > deadline:
                self.pending = set(waiting[done:])
                return set(waiting[:done])
            self._link(path)
        self.pending = set()
        return set(waiting)

    def relink(self, layout: Layout, pool: Pool) -> frozenset[str]:
        """Link every file, after a start from a cache that does not fit."""
        return self.apply((), layout, pool=pool)

    def prepare(self) -> None:
        """Make index and grammars, so that the first edit need not wait (0.2 s)."""
        self._prepared(None)
        counts = Counter(node.language for node in self._files.values())
        for name, count in counts.items():
            if name and count > COMMON * len(self._files):
                with contextlib.suppress(GrammarMissingError):
                    compiled(by_name()[name])

    def _prepared(self, layout: Layout | None) -> Index:
        if self._index is None:
            self._index = Index(layout or self.layout)
            self._linker = Linker(self._index)
            for path in self._files:
                facts = self._contents.facts(path)
                shown = interface_of(facts) if facts else None
                self._index.replace(path, shown, compare=False)
                linked = self._contents.linked(path)
                if linked is not None:
                    self._readers.put(path, linked)
        if layout is not None:
            self.layout = self._index.layout = layout
        return self._index

    def _enter(self, stamp: Stamp, reply: Reply[FileFacts | None] | Reply[Raw]) -> None:
        path = reply.path
        self._unsaved.add(path)
        if reply.facts is not None and reply.node is not None:
            self.stamps[path] = stamp
            self._files[path] = reply.node
            self._links.setdefault(path, ())
            self._contents.put(path, reply.facts)
            return
        if stamp.reason and stamp.reason != "gone":
            self.stamps[path] = stamp
        else:
            self.stamps.pop(path, None)
        if self._files.pop(path, None) is not None:
            self._links.pop(path, None)
            self._contents.remove(path)
            self._readers.put(path, None)

    def _link(self, path: str) -> None:
        facts = self._contents.facts(path)
        if facts is not None:
            self._enter_links(links_of(self._linker, facts))

    def _enter_links(self, links: Links) -> None:
        path = links.path
        self._readers.put(path, links.linked)
        if self._contents.link(path, links.linked):
            self._links[path] = links.files
            self._unsaved.add(path)
        self.pending.discard(path)

    # -- snapshots

    def publish(self, skipped: Mapping[str, int]) -> None:
        """Publish a complete graph that says what was left out."""
        self._publish(frozenset(), complete=True, skipped=skipped)

    def _publish(
        self,
        touched: frozenset[str],
        *,
        complete: bool | None = None,
        skipped: Mapping[str, int] | None = None,
    ) -> None:
        old = self.graph
        version = old.version + 1
        change = Change(version, touched)
        new = CodeGraph(
            root=self.root,
            version=version,
            complete=old.complete if complete is None else complete,
            files=self._file_versions.view(touched),
            links=self._link_versions.view(touched),
            records=self._contents.records(touched),
            skipped=old.skipped if skipped is None else dict(skipped),
            missing_grammars=self._missing(old, touched),
            pending=len(self.pending),
            changes=(change, *islice(old.changes, REMEMBERED - 1)),
        )
        self.graph = new

    def _missing(self, old: CodeGraph, touched: frozenset[str]) -> frozenset[str]:
        """Return the languages that are here but cannot be parsed."""
        nodes = self._files.values()
        if old.complete:
            nodes = [self._files[p] for p in touched if p in self._files]
        languages = {node.language for node in nodes} - {""}
        known = by_name()
        found = {name for name in languages if not has_grammar(known[name])}
        return old.missing_grammars | found


def _links_alike(old: FileFacts | None, new: FileFacts | Raw | None) -> bool:
    """Whether two readings of a file differ in nothing that edges depend on.

    Spans, line numbers, complexity and texts for people may differ.
    """
    if old is None or not isinstance(new, FileFacts):
        return False
    return (
        (old.types, old.variables, old.is_test)
        == (new.types, new.variables, new.is_test)
        and len(old.calls) == len(new.calls)
        and len(old.imports) == len(new.imports)
        and len(old.definitions) == len(new.definitions)
        and all(map(_same_call, old.calls, new.calls))
        and all(map(_same_import, old.imports, new.imports))
        and all(map(_same_definition, old.definitions, new.definitions))
    )


def _same_call(a: Call, b: Call) -> bool:
    one = (a.scope, a.name, a.receiver, a.arguments)
    return one == (b.scope, b.name, b.receiver, b.arguments)


def _same_import(a: Import, b: Import) -> bool:
    one = (a.scope, a.module, a.name, a.alias, a.exported)
    return one == (b.scope, b.module, b.name, b.alias, b.exported)


def _same_definition(a: Definition, b: Definition) -> bool:
    one = (a.qualname, a.kind, a.parent, a.returns, a.parameters, a.has_body)
    two = (b.qualname, b.kind, b.parent, b.returns, b.parameters, b.has_body)
    return one == two
