"""Where facts and links are while the graph is in use: in memory, or on disk."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

from openhands_tiered_router.graph.cache import Cache
from openhands_tiered_router.graph.model import FileFacts, FileRecord
from openhands_tiered_router.graph.resolve.link import Linked
from openhands_tiered_router.graph.versions import Versions


BATCH = 256
"""Files written to disk at once."""


class Contents(Protocol):
    """Facts and links by path."""

    def put(self, path: str, facts: FileFacts) -> None:
        """Enter or exchange a file's facts."""
        ...

    def link(self, path: str, linked: Linked) -> bool:
        """Enter a file's links; return whether its edges changed."""
        ...

    def remove(self, path: str) -> None:
        """Take a file out."""
        ...

    def facts(self, path: str) -> FileFacts | None:
        """Return a file's facts."""
        ...

    def records(self, touched: Iterable[str]) -> Mapping[str, FileRecord]:
        """Return a view for readers that later changes do not disturb.

        Args:
            touched: At least the paths that changed since the last view.
        """
        ...

    def flush(self, cache: Cache) -> None:
        """Store what changed since the last time."""
        ...


class InMemory:
    """For workspaces of ordinary size: everything at hand, stored when idle."""

    def __init__(self) -> None:
        self._records: dict[str, FileRecord] = {}
        self._versions = Versions(self._records)
        self._linked: dict[str, Linked] = {}
        self._new_facts: set[str] = set()
        self._new_links: set[str] = set()

    def load(self, path: str, facts: FileFacts, linked: Linked) -> None:
        """Enter what the cache knows."""
        self._records[path] = FileRecord(facts, linked.edges)
        self._linked[path] = linked

    def put(self, path: str, facts: FileFacts) -> None:
        """See `Contents`."""
        old = self._records.get(path)
        self._records[path] = FileRecord(facts, old.edges if old else ())
        self._new_facts.add(path)

    def link(self, path: str, linked: Linked) -> bool:
        """See `Contents`."""
        record = self._records[path]
        changed = record.edges != linked.edges
        if changed:
            self._records[path] = FileRecord(record.facts, linked.edges)
        self._linked[path] = linked
        self._new_links.add(path)
        return changed

    def linked(self, path: str) -> Linked | None:
        """Return a file's links."""
        return self._linked.get(path)

    def remove(self, path: str) -> None:
        """See `Contents`."""
        self._records.pop(path, None)
        self._linked.pop(path, None)
        self._new_facts.discard(path)
        self._new_links.discard(path)

    def facts(self, path: str) -> FileFacts | None:
        """See `Contents`."""
        record = self._records.get(path)
        return record.facts if record else None

    def records(self, touched: Iterable[str]) -> Mapping[str, FileRecord]:
        """See `Contents`."""
        return self._versions.view(touched)

    def flush(self, cache: Cache) -> None:
        """See `Contents`."""
        facts, links = self._new_facts, self._new_links
        self._new_facts, self._new_links = set(), set()
        cache.write_facts((path, self._records[path].facts) for path in facts)
        cache.write_linked((path, self._linked[path]) for path in facts | links)


class OnDisk:
    """For large workspaces: SQLite holds all but the last few changes."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._facts: dict[str, FileFacts] = {}
        self._linked: dict[str, Linked] = {}

    def put(self, path: str, facts: FileFacts) -> None:
        """See `Contents`."""
        self._facts[path] = facts
        if len(self._facts) >= BATCH:
            self.flush(self._cache)

    def link(self, path: str, linked: Linked) -> bool:
        """See `Contents`."""
        old = self._linked.get(path) or self._cache.linked(path)
        self._linked[path] = linked
        if len(self._linked) >= BATCH:
            self.flush(self._cache)
        return old is None or old.edges != linked.edges

    def remove(self, path: str) -> None:
        """See `Contents`."""
        self._facts.pop(path, None)
        self._linked.pop(path, None)
        self._cache.forget([path])

    def facts(self, path: str) -> FileFacts | None:
        """See `Contents`."""
        return self._facts.get(path) or self._cache.facts(path)

    def records(self, touched: Iterable[str]) -> Mapping[str, FileRecord]:  # noqa: ARG002
        """See `Contents`."""
        return _Stored(self)

    def record(self, path: str) -> FileRecord | None:
        """Return a file's facts and edges as they are now."""
        facts = self.facts(path)
        if facts is None:
            return None
        linked = self._linked.get(path) or self._cache.linked(path)
        return FileRecord(facts, linked.edges if linked else ())

    def flush(self, cache: Cache) -> None:
        """See `Contents`."""
        cache.write_facts(self._facts.items())
        self._facts.clear()
        cache.write_linked(self._linked.items())
        self._linked.clear()


class _Stored(Mapping[str, FileRecord]):
    """Records read from disk when they are asked for."""

    def __init__(self, contents: OnDisk) -> None:
        self._contents = contents

    def __getitem__(self, path: str) -> FileRecord:
        record = self._contents.record(path)
        if record is None:
            raise KeyError(path)
        return record

    def __iter__(self) -> Iterator[str]:
        raise TypeError("iterate over CodeGraph.files instead")

    def __len__(self) -> int:
        raise TypeError("take len(CodeGraph.files) instead")
