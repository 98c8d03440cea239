"""Messages with their times, put together to the turns of a recorded session."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from openhands_tiered_router.policy.entry import Entry
from openhands_tiered_router.policy.kinds import ActionKind
from openhands_tiered_router.policy.outcome import Usage
from openhands_tiered_router.policy.session import CHARS_PER_TOKEN
from openhands_tiered_router.policy.tools import kind_of
from openhands_tiered_router.record.replay.sessions import (
    TYPICAL_SECONDS,
    RecordedSession,
    RecordedTurn,
)


_ASKS: Final = ActionKind.MESSAGE
"""A tool that asks the user; until its result is the user's time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One message of a recording; those of the assistant are turns."""

    entry: Entry
    at: float | None = None
    """When it was there, epoch seconds; ``None``: not recorded."""
    usage: Usage | None = None
    """For answers; ``None``: not recorded, so it is estimated from lengths."""
    is_turn: bool = True
    """For answers: ``False`` leaves it a part of the next prompt, as where others of
    the recording were counted and it was not."""
    extra_chars: int = 0
    """Characters of the prompt that are in no message, such as tools' schemas."""


def session_of(
    name: str, task: str, steps: Iterable[Step], seconds: float = TYPICAL_SECONDS
) -> RecordedSession:
    """The session of those messages; it may have no turn.

    The time that a user takes belongs to no turn: what the agent does next begins
    when the user's message was sent.

    Args:
        name: Of the session.
        task: What it was about.
        steps: Its messages, in order.
        seconds: Time of a turn, where the recording has no times.
    """
    turns: list[RecordedTurn] = []
    new: list[Entry] = []
    asked: set[str] = set()
    chars, end, estimated = 0, 0.0, False
    for step in steps:
        entry = step.entry
        if entry.role != "assistant" or not step.is_turn:
            new.append(entry)
            chars += len(entry.text) + step.extra_chars
            end = max(end, step.at or end)
            if turns and entry.role == "tool" and entry.call_id not in asked:
                turns[-1] = replace(turns[-1], end=max(turns[-1].end, end))
            continue
        length = len(entry.text) + sum(len(call.arguments) for call in entry.calls)
        usage = step.usage
        if usage is None or not usage.prompt:
            estimated = True
            usage = Usage(
                prompt=chars // CHARS_PER_TOKEN, completion=length // CHARS_PER_TOKEN
            )
        start = end if end or step.at is None else step.at
        end = max(start, step.at) if step.at is not None else start + seconds
        turns.append(
            RecordedTurn(
                before=tuple(new), answer=entry, usage=usage, start=start, end=end
            )
        )
        asked |= {c.id for c in entry.calls if kind_of(c.name, {}) is _ASKS}
        new = []
        chars += length
    return RecordedSession(id=name, task=task, turns=tuple(turns), estimated=estimated)


def seconds_of(stamp: Any) -> float | None:
    """Epoch seconds of a time stamp: a number, or text by ISO 8601."""
    if isinstance(stamp, int | float) and not isinstance(stamp, bool):
        # Some logs count milliseconds; in seconds, that is the year 5138 and after.
        return stamp / 1_000 if stamp > 1e11 else float(stamp)
    try:
        return datetime.fromisoformat(str(stamp)).timestamp()
    except (ValueError, OverflowError):
        return None


def mapping(value: Any) -> Mapping[str, Any]:
    """The value, if it is an object; else an empty one."""
    return value if isinstance(value, dict) else {}


def sequence(value: Any) -> Sequence[Any]:
    """The value, if it is a list; else an empty one."""
    return value if isinstance(value, list) else ()


def count(value: Any) -> int:
    """The value, if it is a count; else 0."""
    is_count = isinstance(value, int) and not isinstance(value, bool)
    return max(value, 0) if is_count else 0


def texts(parts: Any) -> str:
    """The text of a content field: plain, or a list of parts."""
    if isinstance(parts, str):
        return parts
    found = (
        part if isinstance(part, str) else mapping(part).get("text")
        for part in sequence(parts)
    )
    return "\n".join(text for text in found if isinstance(text, str))


def usage_of(given: Mapping[str, Any]) -> Usage | None:
    """Token counts in any known form; ``None`` if there are none.

    By the names of OpenAI, Anthropic, OpenHands, Codex CLI, Gemini CLI, pi, Cline.
    """
    details = mapping(
        given.get("prompt_tokens_details") or given.get("input_tokens_details")
    )
    read = _first(given, _READ) or count(details.get("cached_tokens"))
    written = _first(given, _WRITTEN)
    prompt = _first(given, ("prompt_tokens", "prompt"))
    if not prompt:
        prompt = _first(given, ("input_tokens", "input"))
        if not _APART.isdisjoint(given):
            prompt += read + written
    if not prompt:
        return None
    completion = _first(given, _ANSWER)
    return Usage(
        prompt=prompt,
        completion=completion + count(given.get("thoughts")),
        cache_read=read,
        cache_write=written,
    )


def _first(given: Mapping[str, Any], names: Iterable[str]) -> int:
    return next(filter(None, (count(given.get(name)) for name in names)), 0)


_READ: Final = (
    "cached_tokens", "cache_read_tokens", "cache_read_input_tokens",
    "cached_input_tokens", "cacheRead", "cached",
)  # fmt: skip
_ANSWER: Final = ("completion_tokens", "output_tokens", "output", "completion")
_WRITTEN: Final = (
    "cache_write_tokens", "cache_creation_input_tokens", "cacheWrite",
)  # fmt: skip
_APART: Final = frozenset(
    {"cache_read_input_tokens", "cache_creation_input_tokens", "cacheRead"}
)
"""Names of those whose input leaves out what the cache is concerned with: Anthropic
and pi."""
