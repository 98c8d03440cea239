"""A process that reads files: paths in on stdin, facts out on stdout.

py-tree-sitter holds the GIL, so only processes parse in parallel. They are
plain children of `python -m`, neither forked (unsafe under threads) nor spawned
by multiprocessing (which would run the user's main module again). A message is
a 4-byte length and a msgpack array.
"""

import struct
import sys
from pathlib import Path
from typing import BinaryIO, Final

import msgspec
from msgspec import Struct

from .model import FileFacts
from .sources import LeftOutError, read_facts


LENGTH: Final = struct.Struct(">I")


class Reply(Struct, frozen=True, array_like=True):
    """What became of one file: its facts, or why it is left out."""

    path: str
    facts: FileFacts | None
    reason: str = ""


_encoder: Final = msgspec.msgpack.Encoder()
_paths: Final = msgspec.msgpack.Decoder(list[str])
_replies: Final = msgspec.msgpack.Decoder(list[Reply])


def reply_to(root: Path, path: str) -> Reply:
    """Read one file."""
    try:
        return Reply(path, read_facts(root, path))
    except LeftOutError as error:
        return Reply(path, None, str(error))


def send(stream: BinaryIO, message: list[str] | list[Reply]) -> None:
    """Write one message."""
    data = _encoder.encode(message)
    stream.write(LENGTH.pack(len(data)) + data)
    stream.flush()


def receive_paths(stream: BinaryIO) -> list[str]:
    """Read a request; an empty list at the end of the stream."""
    return _paths.decode(data) if (data := _receive(stream)) else []


def receive_replies(stream: BinaryIO) -> list[Reply]:
    """Read an answer.

    Raises:
        EOFError: The worker died.
        msgspec.DecodeError: It wrote something else.
    """
    if not (data := _receive(stream)):
        raise EOFError("the worker closed its output")
    return _replies.decode(data)


def _receive(stream: BinaryIO) -> bytes:
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
    while paths := receive_paths(sys.stdin.buffer):
        send(sys.stdout.buffer, [reply_to(root, path) for path in paths])


if __name__ == "__main__":
    main()
