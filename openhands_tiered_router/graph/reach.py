"""What a change to a file reaches, each set of files being the bits of one integer.

A turn asks about ten files, and a hub's dependents may be half of a project: joined
as integers they take microseconds, as sets of paths tenths of a millisecond.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import compress
from typing import Final

from openhands_tiered_router.graph.impact import DEPTH, users
from openhands_tiered_router.graph.model import CERTAIN
from openhands_tiered_router.graph.snapshot import CodeGraph


type Bits = int
"""A set of files by their numbers in `Reaches`."""

TEST_STEPS: Final = 2
"""Steps to a test that counts; at three, half of all tests reach anything."""

_FLAGS: Final = bytes.maketrans(b"01", b"\0\1")


@dataclass(frozen=True, slots=True)
class Reach:
    """What a change to one file reaches."""

    dependents: Bits
    """Within `DEPTH` steps, as `impact.levels` takes them."""
    is_tested: bool
    """Whether it is a test, or one is within `TEST_STEPS`."""


class Reaches:
    """The reach of a version's files, filled as they are asked about."""

    def __init__(self, graph: CodeGraph) -> None:
        self._network = graph.file_graph
        self._paths = sorted(graph.files)
        self._numbers = {path: number for number, path in enumerate(self._paths)}
        self._tests = self.bits(p for p, file in graph.files.items() if file.is_test)
        self._users: dict[int, Bits] = {}
        self._known: dict[str, Reach] = {}

    @property
    def asked(self) -> list[str]:
        """The files that were asked about, the latest last."""
        return list(self._known)

    def bits(self, paths: Iterable[str]) -> Bits:
        """Return a set of the version's files."""
        octets = bytearray(len(self._paths) // 8 + 1)
        for path in paths:
            number = self._numbers[path]
            octets[number >> 3] |= 1 << (number & 7)
        return int.from_bytes(octets, "little")

    def of(self, path: str) -> Reach:
        """Return what a change to a file of the version reaches."""
        known = self._known.get(path)
        if known is None:
            known = self._known[path] = self._find(1 << self._numbers[path])
        return known

    def _find(self, changed: Bits) -> Reach:
        reached = frontier = tested = changed
        for step in range(DEPTH):
            before = 0
            for number in compress(range(len(self._paths)), _flags(frontier)):
                before |= self._users_of(number)
            frontier = before & ~reached
            reached |= frontier
            if step < TEST_STEPS:
                tested = reached
        return Reach(reached & ~changed, bool(tested & self._tests))

    def _users_of(self, number: int) -> Bits:
        known = self._users.get(number)
        if known is None:
            found = users(self._network, self._paths[number], CERTAIN)
            known = self._users[number] = self.bits(path for path, _ in found)
        return known


def _flags(files: Bits) -> bytes:
    """Return a byte for each number up to the highest: whether it is in the set."""
    return bin(files)[:1:-1].encode().translate(_FLAGS)
