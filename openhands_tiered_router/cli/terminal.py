"""What commands show: no name of a file, a model or an issue may steer a terminal."""

from __future__ import annotations

import re
from typing import IO, Any, Final

import click


_SHOWN: Final = re.compile(r"[\n\t -~]*")
_echo = click.echo


def shown(text: str) -> str:
    r"""Text with control and format characters as ``\u001b``, which is JSON too.

    Line ends and tabs stay. So do names that are no valid Unicode, which could not be
    written otherwise.
    """
    if _SHOWN.fullmatch(text):
        return text
    return "".join(c if c.isprintable() or c in "\n\t" else _escape(c) for c in text)


def echo(
    message: Any = None,
    file: IO[Any] | None = None,
    nl: bool = True,
    err: bool = False,
    color: bool | None = None,
) -> None:
    """``click.echo`` for text of any origin."""
    text = shown(message) if isinstance(message, str) else message
    _echo(text, file=file, nl=nl, err=err, color=color)


def guard_click() -> None:
    """Has all that commands print with click pass through ``shown``."""
    click.echo = echo
    # How an error of a command is printed.
    setattr(click.exceptions, "echo", echo)  # noqa: B010  not exported


def guard_rich() -> None:
    """The same for tables and lines of rich, whose own sequences are not text."""
    from rich import control

    # rich takes five control characters out of any text; ESC and others it leaves.
    table: dict[int, Any] = control._CONTROL_STRIP_TRANSLATE
    for code in (*range(0x20), *range(0x7F, 0xA0), *_FORMAT):
        if chr(code) not in "\n\t":
            table[code] = _escape(chr(code))


_FORMAT: Final = (
    0xAD, 0x61C, *range(0x200B, 0x2010), *range(0x2028, 0x202F),
    *range(0x2060, 0x2070), 0xFEFF, *range(0xFFF9, 0xFFFC),
)  # fmt: skip
"""Unicode's marks of direction and other invisible ones."""


def _escape(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    pairs = (units[i : i + 2] for i in range(0, len(units), 2))
    return "".join(f"\\u{int.from_bytes(pair):04x}" for pair in pairs)
