"""One message of a conversation in neutral form, whatever front it came through."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal


Role = Literal["system", "user", "assistant", "tool"]
ADDED: Final = re.compile(
    r"\s*(?:<(system-reminder|environment_details)>.*</\1>\s*)?", re.S
)
"""What Claude Code, Cline and Roo Code add to results in the user's name: it opens no
request."""


MARKER: Final = re.compile(
    r"\[tier:\s*(simple|medium|complex|reasoning|auto)\s*\]", re.IGNORECASE
)
"""By which a user's message pins the tier of the turns after it."""


def defused(text: str) -> str:
    """Words of others, for a user's message: their markers pin no tier."""
    return MARKER.sub(r"(tier: \1)", text)


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool call that a model asked for."""

    id: str
    name: str
    arguments: str
    """JSON text as the model wrote it; may be malformed."""

    @classmethod
    def of(cls, id: Any, name: Any, arguments: Any) -> ToolCall:
        """The call with those fields of a message from outside, whatever they are."""
        if not isinstance(arguments, str):
            arguments = json.dumps(arguments or {})
        return cls(str(id or ""), str(name or ""), arguments)


def arguments_of(text: str) -> Mapping[str, Any]:
    """A call's arguments; what is no JSON object is given as the patch or command
    that it is (tools with free-form input, as Codex' ``apply_patch``)."""
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError):
        return {"input": text} if text.strip() else {}
    return parsed if isinstance(parsed, dict) else {}


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
