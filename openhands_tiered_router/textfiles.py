"""Text files that a command reads and writes, with errors that a user can act on."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path
from typing import Final


_MODE: Final = 0o644
_PATH: Final = re.compile(
    r"(?!\w+://)[!-~]*[/\\][!-~]*|\S+\.(?:md|markdown|txt|rst|adoc|org|json|ya?ml)",
    re.IGNORECASE,
)
"""One word that names a file: ASCII with a separator, or any with a text's suffix."""


class TextFileError(Exception):
    """A file cannot be used; names it, and why."""


def read(path: Path) -> str | None:
    """The text of a file; ``None`` if there is none.

    Raises:
        TextFileError: It is there and cannot be read as text.
    """
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise TextFileError(f"{path} cannot be read: {reason_of(error)}") from None


def no_such_file(text: str) -> str | None:
    """What to say of a text that can only mean a path, where no file is there."""
    if not _PATH.fullmatch(text.strip()):
        return None
    return (
        f"there is no file {text.strip()}; correct the path, or say in more than a "
        "path what is to be done"
    )


def write(path: Path, content: str | bytes) -> None:
    """Writes a file at once or not at all; text as UTF-8.

    Raises:
        TextFileError: It cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Beside the file, since a rename must not cross file systems.
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content.encode() if isinstance(content, str) else content)
            os.chmod(name, _MODE)
            os.replace(name, path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise TextFileError(f"{path} cannot be written: {reason_of(error)}") from None


def reason_of(error: Exception) -> str:
    """Why a file could not be used, without its content."""
    return getattr(error, "strerror", None) or type(error).__name__
