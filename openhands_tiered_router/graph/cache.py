"""What was read and linked before, in one SQLite file a workspace.

Caches that nobody opened for a while are deleted when a new one is made.
It lies in the user's cache directory, never in the workspace, and holds only
data: msgpack that is checked against the record types when it is read. A file
that is corrupt, of another version or of another workspace is deleted and made
again; one that cannot be written is done without.
"""

import contextlib
import os
import re
import sqlite3
import time
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Raw, Struct

from openhands_tiered_router.graph.model import FORMAT, FileEdge, FileFacts, FileNode
from openhands_tiered_router.graph.resolve.link import Linked


EXTRACTOR: Final = 16
"""Version of queries and rules; bump it when the same bytes give other facts."""
RESOLVER: Final = 18
"""Version of resolution; bump it when the same facts give other edges."""

UNUSED_S: Final = 30 * 86_400
"""After which a cache that nobody opened is deleted."""
MOST_BYTES: Final = 2 << 30
"""Of all caches together; the ones opened longest ago are deleted first. About 100
workspaces of 1,000 files."""
_OURS: Final = re.compile(r"([0-9a-f]{32})(?:\.where)?\.sqlite(?:-wal|-shm)?\Z")

_SCHEMA: Final = """
create table meta(key text primary key, value text) without rowid;
create table summary(
  path text primary key, mtime_ns int, size int, seen_ns int, digest blob,
  reason text, node blob, links blob) without rowid;
create table body(path text primary key, facts blob, linked blob);
"""


class Stamp(Struct, frozen=True, array_like=True, gc=False):
    """When and as what a file was last read."""

    mtime_ns: int
    size: int
    seen_ns: int
    """Time of the reading; a file changed within its clock tick is read again."""
    digest: bytes = b""
    """Of the content; empty for a file that is left out."""
    reason: str = ""
    """Why it is left out, if it is."""


class Summary(Struct, frozen=True, array_like=True):
    """What is kept in memory of a file; no node for one that is left out."""

    path: str
    stamp: Stamp
    node: FileNode | None
    links: tuple[FileEdge, ...]


_encode: Final = msgspec.msgpack.Encoder().encode
_facts: Final = msgspec.msgpack.Decoder(FileFacts)
_raw: Final = msgspec.msgpack.Decoder(Raw)
_node: Final = msgspec.msgpack.Decoder(FileNode)
_linked: Final = msgspec.msgpack.Decoder(Linked)
_links: Final = msgspec.msgpack.Decoder(tuple[FileEdge, ...])

DAMAGED: Final = (sqlite3.Error, msgspec.DecodeError, ValueError, OSError)
"""What reading a cache raises when it is of no use."""


def decoded(facts: FileFacts | Raw) -> FileFacts:
    """Return facts that may still be encoded."""
    return facts if isinstance(facts, FileFacts) else _facts.decode(facts)


def default_path(root: Path) -> Path:
    """Return where a workspace's cache lies."""
    from platformdirs import user_cache_path  # reads the environment

    key = blake2b(os.fsencode(root), digest_size=16).hexdigest()
    folder = user_cache_path("openhands-tiered-router", appauthor=False)
    return folder / "graphs" / f"{key}.sqlite"


def prune(folder: Path, kept: Path) -> None:
    """Delete the caches in a folder that are old, or too many.

    Args:
        folder: Where they lie; what is not named like one stays.
        kept: One that stays in any case.
    """
    groups: dict[str, list[tuple[Path, os.stat_result]]] = {}
    with contextlib.suppress(OSError):
        for file in folder.iterdir():
            name = _OURS.match(file.name)
            if name and name[1] not in kept.name:
                groups.setdefault(name[1], []).append((file, file.lstat()))

    def opened(group: list[tuple[Path, os.stat_result]]) -> float:
        return max(found.st_mtime for _, found in group)

    left, oldest = MOST_BYTES, time.time() - UNUSED_S
    for group in sorted(groups.values(), key=opened, reverse=True):
        left -= sum(found.st_size for _, found in group)
        if left < 0 or opened(group) < oldest:
            for file, _ in group:
                with contextlib.suppress(OSError):
                    file.unlink()


class Cache:
    """One workspace's cache; threads may share it."""

    def __init__(self, path: Path, root: Path) -> None:
        self.path = path
        self._identity = {
            "format": f"{FORMAT}.{EXTRACTOR}.{RESOLVER}",
            "root": os.fspath(root),
        }
        self._db: sqlite3.Connection | None = None
        self._failed = False

    def open(self) -> bool:
        """Connect, making the file if need be; False if there can be none.

        Nothing in here is worth failing for.
        """
        for _ in range(2):
            with contextlib.suppress(sqlite3.Error, OSError):
                self._db = self._connect()
                if self._db is not None:
                    return True
            self.delete()
        return False

    def _connect(self) -> sqlite3.Connection | None:
        """Return a connection, or None if the file is not ours to use."""
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        new = not self.path.exists()
        db = sqlite3.connect(self.path, check_same_thread=False, timeout=1.0)
        with contextlib.ExitStack() as undo:
            undo.callback(db.close)
            os.chmod(self.path, 0o600)
            os.utime(self.path)  # says when it was last opened; see `prune`
            db.execute("pragma journal_mode=wal")
            db.execute("pragma synchronous=normal")
            if new:
                db.executescript(_SCHEMA)
                db.executemany("insert into meta values (?,?)", self._identity.items())
                db.commit()
                prune(self.path.parent, self.path)
            known = dict(db.execute("select key, value from meta"))
            if all(known.get(k) == v for k, v in self._identity.items()):
                undo.pop_all()
                return db
        return None

    def delete(self) -> None:
        """Disconnect and remove the file."""
        self.close()
        for suffix in ("", "-wal", "-shm"):
            with contextlib.suppress(OSError):
                Path(f"{self.path}{suffix}").unlink(missing_ok=True)

    def close(self) -> None:
        """Disconnect."""
        db, self._db = self._db, None
        if db is not None:
            with contextlib.suppress(sqlite3.Error):
                db.close()

    def fingerprint(self) -> str:
        """Return what the stored edges were made from; see `Writer`."""
        rows = self._rows("select value from meta where key='fingerprint'")
        return next((str(value) for (value,) in rows), "")

    def summaries(self) -> Iterator[Summary]:
        """Yield every file, by path; raises one of `DAMAGED`."""
        for path, mtime, size, seen, digest, reason, node, links in self._rows(
            "select path, mtime_ns, size, seen_ns, digest, reason, node, links"
            " from summary order by path"
        ):
            yield Summary(
                path=path,
                stamp=Stamp(mtime, size, seen, digest, reason),
                node=_node.decode(node) if node else None,
                links=_links.decode(links) if links else (),
            )

    def stamps(self) -> dict[str, Stamp]:
        """Return when each file was last read; raises one of `DAMAGED`."""
        rows = self._rows("select path, mtime_ns, size, seen_ns from summary")
        return {path: Stamp(mtime, size, seen) for path, mtime, size, seen in rows}

    def bodies(self) -> Iterator[tuple[str, FileFacts, Linked]]:
        """Yield the facts and links of every file; raises one of `DAMAGED`."""
        for path, facts, linked in self._rows("select * from body"):
            yield path, _facts.decode(facts), _linked.decode(linked)

    def facts(self, path: str) -> FileFacts | None:
        """Return one file's facts, or None."""
        return self._one("facts", path, _facts)

    def packed(self, path: str) -> Raw | None:
        """Return one file's facts as they are stored, or None."""
        return self._one("facts", path, _raw)

    def linked(self, path: str) -> Linked | None:
        """Return one file's links, or None."""
        return self._one("linked", path, _linked)

    def _one[T](
        self, column: str, path: str, decoder: "msgspec.msgpack.Decoder[T]"
    ) -> T | None:
        with contextlib.suppress(*DAMAGED):
            query = f"select {column} from body where path=?"
            for (data,) in self._rows(query, (path,)):
                return decoder.decode(data) if data else None
        return None

    def write_facts(self, rows: Iterable[tuple[str, FileFacts | Raw]]) -> None:
        """Store facts; links stay as they are until `write_linked`."""
        self._many(
            "insert into body values (?,?,null)"
            " on conflict(path) do update set facts=excluded.facts",
            ((path, _encode(facts)) for path, facts in rows),
        )

    def write_linked(self, rows: Iterable[tuple[str, Linked]]) -> None:
        """Store links of files whose facts are stored."""
        self._many(
            "update body set linked=? where path=?",
            ((_encode(linked), path) for path, linked in rows),
        )

    def write_summaries(self, rows: Iterable[Summary]) -> None:
        """Store summaries."""
        self._many(
            "insert or replace into summary values (?,?,?,?,?,?,?,?)",
            (
                (
                    row.path,
                    row.stamp.mtime_ns,
                    row.stamp.size,
                    row.stamp.seen_ns,
                    row.stamp.digest,
                    row.stamp.reason,
                    _encode(row.node) if row.node else None,
                    _encode(row.links),
                )
                for row in rows
            ),
        )

    def forget(self, paths: Iterable[str]) -> None:
        """Remove files."""
        keys = [(path,) for path in paths]
        self._many("delete from body where path=?", keys)
        self._many("delete from summary where path=?", keys)

    def seal(self, fingerprint: str) -> None:
        """Say what the stored edges were made from, and commit."""
        self._many(
            "insert or replace into meta values (?,?)", [("fingerprint", fingerprint)]
        )
        failed, self._failed = self._failed, False
        with contextlib.suppress(sqlite3.Error):
            if self._db is not None and failed:
                self._db.rollback()
            elif self._db is not None:
                self._db.commit()

    def _many(self, statement: str, rows: Iterable[tuple[Any, ...]]) -> None:
        """Write rows; a full disk or a locked file only costs the next start.

        Nothing of what is written up to `seal` is kept if a part of it fails.
        """
        if self._db is None or self._failed:
            return
        try:
            self._db.executemany(statement, rows)
        except sqlite3.Error:
            self._failed = True

    def _rows(self, query: str, parameters: tuple[str, ...] = ()) -> Iterator[Any]:
        if self._db is not None:
            yield from self._db.execute(query, parameters)
