"""The location index on disk: a question reads the postings of its own terms only.

It lies beside the graph's cache and holds terms, paths and digests. A file that
changed gets a new number, and its old one is marked as gone; when a tenth of the
numbers is, the index is made afresh. Answers equal those of a `Locator`.
"""

import contextlib
import os
import sqlite3
from array import array
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final
from zlib import crc32

from openhands_tiered_router.graph.cache import EXTRACTOR
from openhands_tiered_router.graph.git_history import History, Terms
from openhands_tiered_router.graph.location.definitions import (
    DefinitionIndex,
    definition_index,
)
from openhands_tiered_router.graph.location.index import (
    GRADES,
    FileIndex,
    Postings,
    file_worths,
)
from openhands_tiered_router.graph.location.locator import Location, located
from openhands_tiered_router.graph.location.places import PlaceIndex
from openhands_tiered_router.graph.location.text import parse
from openhands_tiered_router.graph.model import FORMAT, FileFacts
from openhands_tiered_router.graph.snapshot import CodeGraph


VERSION: Final = f"{FORMAT}.{EXTRACTOR}.1"
"""Bump the last number when the same facts give other terms or worths."""
GONE: Final = 0.1
"""Share of numbers that are gone from which on the index is made afresh."""

_SCHEMA: Final = """
create table meta(key text primary key, value text) without rowid;
create table doc(number integer primary key, path text, digest blob, said int,
  is_test int);
create table term(term text primary key, files blob, grades blob) without rowid;
"""

type Files = dict[str, tuple[array[int], bytearray]]


class StoredIndex:
    """One workspace's index; to be used by one thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db: sqlite3.Connection | None = None

    @classmethod
    def beside(cls, cache: Path) -> "StoredIndex":
        """Return the index that belongs to a graph's cache."""
        return cls(cache.with_suffix(".where.sqlite"))

    def commit(self) -> str | None:
        """Return the git commit whose history it knows; None without an index."""
        for _ in range(2):
            try:
                db = self._opened()
                known = dict(db.execute("select key, value from meta"))
            except sqlite3.Error:
                self._delete()
                continue
            return known.get("commit") if known.get("version") == VERSION else None
        return None

    def update(self, graph: CodeGraph, history: History, commit: str) -> None:
        """Follow a graph and its history; a disk that is full costs speed only."""
        with contextlib.suppress(sqlite3.Error, OSError):
            current = self.commit() is not None
            if not current:
                self._delete()
            db = self._opened()
            with db:
                self._follow(db, graph, history)
                rows = [("version", VERSION), ("commit", commit)]
                db.executemany("insert or replace into meta values (?,?)", rows)

    def _follow(self, db: sqlite3.Connection, graph: CodeGraph, said: History) -> None:
        rows = list(db.execute("select path, number, digest, said from doc"))
        known = {path: row for path, *row in rows if path is not None}
        changed: list[tuple[str, FileFacts, Terms | None, int]] = []
        for path in sorted(graph.files):
            facts, spoken = graph.facts(path), said.get(path)
            if facts is None:
                continue
            checksum = _checksum(spoken)
            old = known.get(path)
            if old is None or (old[1], old[2]) != (facts.digest, checksum):
                changed.append((path, facts, spoken, checksum))
        left = {path for path, *_ in changed} | (known.keys() - graph.files.keys())
        gone = [known[path][0] for path in left if path in known]
        if len(rows) - len(known) + len(gone) > GONE * len(rows) and rows:
            db.execute("delete from doc")
            db.execute("delete from term")
            self._follow(db, graph, said)
            return
        db.executemany("update doc set path=null where number=?", ((n,) for n in gone))
        first = max((row[1] for row in rows), default=-1) + 1
        postings: Files = defaultdict(lambda: (array("I"), bytearray()))
        for number, (path, facts, spoken, checksum) in enumerate(changed, first):
            row = (number, path, facts.digest, checksum, facts.is_test)
            db.execute("insert into doc values (?,?,?,?,?)", row)
            for term, worth in file_worths(facts, spoken).items():
                files, grades = postings[term]
                files.append(number)
                grades.append(round(128 * worth))
        db.executemany(
            "insert or replace into term values (?,?,?)",
            (_joined(db, term, *found) for term, found in sorted(postings.items())),
        )

    def locate(
        self, text: str, facts: Callable[[str], FileFacts | None]
    ) -> Location | None:
        """Rank what a text may be about; None if the index cannot be read.

        Args:
            text: A request, an issue or an error message.
            facts: Returns what was read of a file.
        """
        query = parse(text)
        try:
            db = self._opened()
            rows = db.execute(
                "select path, is_test from doc order by number"
            ).fetchall()
            postings = self._postings(db, query.terms, [path for path, _ in rows])
        except sqlite3.Error:
            return None
        places = PlaceIndex()
        for path, _ in rows if query.places else ():
            if path is not None:
                places.put(path)
        tests = {path for path, is_test in rows if is_test}

        def inside(path: str) -> DefinitionIndex | None:
            found = facts(path)
            return definition_index(found) if found else None

        return located(
            query,
            FileIndex.of([path for path, _ in rows], postings),
            places,
            tests=tests,
            definitions=inside,
        )

    def _postings(
        self,
        db: sqlite3.Connection,
        terms: Mapping[str, float],
        paths: list[str | None],
    ) -> dict[str, Postings]:
        found: dict[str, Postings] = {}
        whole = None not in paths
        for term in terms:
            row = db.execute(
                "select files, grades from term where term=?", (term,)
            ).fetchone()
            if row is None:
                continue
            pairs = zip(array("I", row[0]), row[1], strict=True)
            known: Postings = []
            for number, grade in pairs:
                if whole or paths[number] is not None:
                    known += number, GRADES[grade]
            if known:
                found[term] = known
        return found

    def close(self) -> None:
        """Disconnect."""
        db, self._db = self._db, None
        if db is not None:
            db.close()

    def _opened(self) -> sqlite3.Connection:
        if self._db is None:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            new = not self._path.exists()
            self._db = sqlite3.connect(self._path, timeout=1.0)
            os.chmod(self._path, 0o600)
            if new:
                self._db.executescript(_SCHEMA)
        return self._db

    def _delete(self) -> None:
        self.close()
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)


def _joined(
    db: sqlite3.Connection, term: str, files: array[int], grades: bytearray
) -> tuple[str, bytes, bytes]:
    """Return a term's row with more postings at its end."""
    query = "select files, grades from term where term=?"
    before = db.execute(query, (term,)).fetchone() or (b"", b"")
    return term, before[0] + files.tobytes(), before[1] + bytes(grades)


def _checksum(spoken: Terms | None) -> int:
    """Return a checksum of what the commits said of a file."""
    return crc32(repr(sorted(spoken.items())).encode()) if spoken else 0
