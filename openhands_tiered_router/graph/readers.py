"""Who asked what: from a changed key to the files whose edges may change.

Kept in two steps, because most files are read by few: a group (a path, a
directory, a name) leads to the files that asked anything of it; each of those
has the checksums of its keys, 4 bytes each.
"""

from array import array
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable
from sys import intern
from typing import Final

from openhands_tiered_router.graph.resolve.groups import Groups
from openhands_tiered_router.graph.resolve.index import Key
from openhands_tiered_router.graph.resolve.link import Linked, key_sum


_NOTHING: Final[tuple[tuple[str, ...], bytes]] = ((), b"")


class Readers:
    """The reverse of what each file's links depend on."""

    def __init__(self) -> None:
        self._asked: dict[str, tuple[tuple[str, ...], bytes]] = {}
        self._readers = Groups[str]()

    def put(self, path: str, linked: Linked | None) -> None:
        """Enter what a file's links depend on; None removes the file."""
        before = set(self._asked.pop(path, _NOTHING)[0])
        after = set(linked.groups) if linked else set()
        for group in before - after:
            self._readers.put(group, path, False)
        for group in after - before:
            self._readers.put(intern(group), path, True)
        if linked is not None:
            # the edges stay out: at 30,000 files they would take 150 MB
            self._asked[path] = tuple(map(intern, linked.groups)), linked.keys

    def of(self, keys: Iterable[Key]) -> set[str]:
        """Return the files that asked one of the keys."""
        by_group: defaultdict[str, list[int]] = defaultdict(list)
        for key in keys:
            by_group[key[0]].append(key_sum(key))
        found: set[str] = set()
        for group, sums in by_group.items():
            for path in self._readers.get(group):
                if path not in found and _asked(self._asked[path][1], sums):
                    found.add(path)
        return found


def _asked(keys: bytes, sums: list[int]) -> bool:
    """Whether any of the checksums is among the sorted ones."""
    asked = array("I", keys)
    size = len(asked)
    for wanted in sums:
        at = bisect_left(asked, wanted)
        if at < size and asked[at] == wanted:
            return True
    return False
