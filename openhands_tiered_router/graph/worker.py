"""A process that reads and links files: requests on stdin, answers on stdout.

py-tree-sitter holds the GIL and linking is pure Python, so only processes work
in parallel. They are plain children of `python -m`, neither forked (unsafe under
threads) nor spawned by multiprocessing (which would run the user's main module
again). A message is a 4-byte length and msgpack.
"""

import struct
import sys
from pathlib import Path
from typing import BinaryIO, Final, Self

import msgspec
from msgspec import Raw, Struct

from openhands_tiered_router.graph.model import (
    FileEdge,
    FileFacts,
    FileNode,
    file_edges,
    file_node,
)
from openhands_tiered_router.graph.resolve.index import Index, Interfaces
from openhands_tiered_router.graph.resolve.interface import Interface, interface_of
from openhands_tiered_router.graph.resolve.layout import Layout
from openhands_tiered_router.graph.resolve.link import Linked, Linker
from openhands_tiered_router.graph.sources import LeftOutError, read_facts


LENGTH: Final = struct.Struct(">I")
AT_HAND: Final = 4_000
"""Interfaces that a worker keeps decoded: 8 kB each, where encoded they take 2."""


class Read(Struct, frozen=True, array_like=True, tag=0):
    """Asks for the facts of files; answered by a list of `Reply`."""

    paths: list[str]

    def single(self) -> list[Self]:
        """Return the same request, cut into its files."""
        return [type(self)([path]) for path in self.paths]


class Learn[I: (Interface, Raw)](Struct, frozen=True, array_like=True, tag=1):
    """Says what all files show to each other; not answered."""

    layout: Layout
    interfaces: dict[str, I]
    """By path; a worker takes them in as they are encoded."""


class Link[F: (FileFacts, FileFacts | Raw)](
    Struct, frozen=True, array_like=True, tag=2
):
    """Asks for the edges of files; answered by a list of `Links`."""

    files: list[F]

    def single(self) -> list[Self]:
        """Return the same request, cut into its files."""
        return [type(self)([facts]) for facts in self.files]


class Reply[F: (FileFacts | None, Raw)](Struct, frozen=True, array_like=True):
    """What became of one file: its facts and node, or why it is left out."""

    path: str
    facts: F
    """Possibly still encoded."""
    interface: Interface | None = None
    node: FileNode | None = None
    digest: bytes = b""
    reason: str = ""


class Links(Struct, frozen=True, array_like=True):
    """The edges that leave one file."""

    path: str
    linked: Linked
    files: tuple[FileEdge, ...]
    """The same, added up by file."""


type Request = Read | Link[FileFacts | Raw]

_requests: Final = msgspec.msgpack.Decoder(Read | Learn[Raw] | Link[FileFacts])
_interface: Final = msgspec.msgpack.Decoder(Interface)
encode: Final = msgspec.msgpack.Encoder().encode
replies: Final = msgspec.msgpack.Decoder(list[Reply[FileFacts | None]])
packed_replies: Final = msgspec.msgpack.Decoder(list[Reply[Raw]])
links: Final = msgspec.msgpack.Decoder(list[Links])


def reply_to(root: Path, path: str) -> Reply[FileFacts | None]:
    """Read one file."""
    try:
        facts = read_facts(root, path)
    except LeftOutError as error:
        return Reply(path, None, reason=str(error))
    return reply_of(facts)


def reply_of(facts: FileFacts) -> Reply[FileFacts | None]:
    """Return the reply that a file's facts make."""
    return Reply(facts.path, facts, interface_of(facts), file_node(facts), facts.digest)


def links_of(linker: Linker, facts: FileFacts) -> Links:
    """Link one file."""
    linked = linker.link(facts)
    return Links(facts.path, linked, file_edges(facts.path, linked.edges))


class Encoded(Interfaces):
    """Interfaces that are decoded as they are asked for, the latest few kept."""

    def __init__(self, encoded: dict[str, Raw]) -> None:
        super().__init__()
        self._encoded = encoded

    def __setitem__(self, path: str, interface: Interface) -> None:
        if len(self) >= AT_HAND:
            self.clear()
        super().__setitem__(path, interface)

    def __missing__(self, path: str) -> Interface:
        if path not in self._encoded:
            return super().__missing__(path)
        found = self[path] = _interface.decode(self._encoded[path])
        return found


def learnt(message: Learn[Raw]) -> Index:
    """Return an index of what all files show."""
    interfaces = Encoded(message.interfaces)
    index = Index(message.layout, interfaces)
    for path, encoded in message.interfaces.items():
        index.replace(path, _interface.decode(encoded), compare=False)
    return index


def send(stream: BinaryIO, data: bytes) -> None:
    """Write one encoded message."""
    stream.write(LENGTH.pack(len(data)))
    stream.write(data)
    stream.flush()


def receive(stream: BinaryIO) -> bytes:
    """Read one encoded message; nothing at the end of the stream."""
    head = stream.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return b""
    (length,) = LENGTH.unpack(head)
    return stream.read(length)


def main() -> None:
    """Serve requests until stdin ends."""
    import gc  # facts hold no cycles; collecting costs a tenth of the time

    gc.disable()
    root = Path(sys.argv[1])
    out = sys.stdout.buffer
    linker = Linker(Index(Layout()))
    while data := receive(sys.stdin.buffer):
        request = _requests.decode(data)
        if isinstance(request, Read):
            send(out, encode([reply_to(root, path) for path in request.paths]))
        elif isinstance(request, Link):
            send(out, encode([links_of(linker, facts) for facts in request.files]))
        else:
            linker = Linker(learnt(request))


if __name__ == "__main__":
    main()
