"""One message of a conversation in neutral form, whatever front it came through."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal


Role = Literal["system", "user", "assistant", "tool"]
ADDED: Final = re.compile(
    r"\s*(?:<(system-reminder|environment_details)>.*</\1>\s*)?", re.S
)
"""What Claude Code, Cline and Roo Code add to results in the user's name: it opens no
request."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool call that a model asked for."""

    id: str
    name: str
    arguments: str
    """JSON text as the model wrote it; may be malformed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One message."""

    role: Role
    text: str = ""
    calls: tuple[ToolCall, ...] = ()
    """Only for ``assistant``."""
    call_id: str | None = None
    """Only for ``tool``: the call that this is the result of."""
    exit_code: int | None = None
    """Only for ``tool``, where the front knows it better than the text tells."""
    is_error: bool = False
    """Only for ``tool``, where the front knows that the tool reported an error."""
    images: int = 0
    """Number of pictures in the message."""
