"""Reads a SCIP index: the fields that the comparison needs, and no others.

Wire format: https://protobuf.dev/programming-guides/encoding/ ; field numbers:
https://github.com/sourcegraph/scip/blob/main/scip.proto
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path


DEFINITION = 1
"""Bit of ``symbol_roles`` that marks where a symbol is defined."""


@dataclass
class Document:
    """One file's occurrences: (line, character), 0-based, to symbol."""

    path: str = ""
    language: str = ""
    uses: dict[tuple[int, int], str] = field(default_factory=dict)
    definitions: dict[str, list[tuple[int, int]]] = field(default_factory=dict)


def read_index(path: Path) -> list[Document]:
    """Return the documents of an index."""
    data = path.read_bytes()
    return [_document(value) for number, value in _fields(data) if number == 2]


def _document(data: bytes) -> Document:
    found = Document()
    for number, value in _fields(data):
        if number == 1:
            found.path = value.decode()
        elif number == 4:
            found.language = value.decode()
        elif number == 2:
            _occurrence(value, found)
    return found


def _occurrence(data: bytes, into: Document) -> None:
    start, symbol, roles = (0, 0), "", 0
    for number, value in _fields(data):
        if number == 1:
            numbers = list(_varints(value))
            start = numbers[0], numbers[1]
        elif number == 2:
            symbol = value.decode()
        elif number == 3:
            roles = int.from_bytes(value, "little")
    if roles & DEFINITION:
        into.definitions.setdefault(_own(symbol, into.path), []).append(start)
    into.uses[start] = _own(symbol, into.path)


def _own(symbol: str, path: str) -> str:
    """Local symbols are numbered by file."""
    return f"{path} {symbol}" if symbol.startswith("local ") else symbol


def _fields(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield (field number, payload); a varint's payload is little-endian."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        match key & 7:
            case 0:
                value, at = _varint(data, at)
                yield key >> 3, value.to_bytes(8, "little")
            case 2:
                length, at = _varint(data, at)
                yield key >> 3, data[at : at + length]
                at += length
            case kind:
                raise ValueError(f"SCIP index: wire type {kind} at byte {at}")


def _varints(data: bytes) -> Iterator[int]:
    at = 0
    while at < len(data):
        value, at = _varint(data, at)
        yield value


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
