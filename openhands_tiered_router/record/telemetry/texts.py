"""What was said in a call, made fit to be stored: redacted, and cut.

Only where ``[telemetry] texts`` asks for it. The call hands over what it has; all else
is done by the thread that writes.
"""

from __future__ import annotations

import json
import logging
import string
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from openhands_tiered_router.policy.entry import Entry
from openhands_tiered_router.record.telemetry.records import TextRecord
from openhands_tiered_router.redaction import redacted, spellings


_MARGIN: Final = 4_000
"""Characters beyond the cut that are looked at: a key that ends there is whole."""

_WORD: Final = string.ascii_letters + string.digits + string.punctuation
"""What keys and addresses consist of: at the end of a text that was cut, a last word
of these may be a part of one."""

_CONTROLS: Final = dict.fromkeys(
    [c for c in (*range(32), *range(127, 160)) if chr(c) not in "\n\t"], "\ufffd"
)
"""They could write to the terminal that shows the text."""

_log = logging.getLogger(__name__)
_warned: Final[set[Path]] = set()


@dataclass(frozen=True, slots=True, kw_only=True)
class RawTexts:
    """What was said in a call, with all that was in it; it is never stored."""

    decision_id: str
    request: str | None
    answer: Entry | None
    most: int
    """Bytes to keep of each text."""
    secrets: Callable[[], Collection[str]]
    """What must not stay in them. Asked by the writing thread: it may wait. If it
    raises, nothing is stored."""


def clipped(text: str, most: int) -> str:
    """As much of a text as is looked at, so that no long one waits in the queue."""
    return text[: most + _MARGIN]


def fit_to_store(raw: RawTexts) -> TextRecord:
    """The texts without secrets and e-mail addresses, none longer than ``raw.most``."""
    secrets = {s for secret in raw.secrets() for s in spellings(secret)}
    answer = None if raw.answer is None else "\n".join(_said(raw.answer))
    return TextRecord(
        decision_id=raw.decision_id,
        request=_kept(raw.request, raw.most, secrets),
        answer=_kept(answer, raw.most, secrets),
    )


def warn_of_texts(path: Path) -> None:
    """Says in the log, once a process, that texts are recorded."""
    if path not in _warned:
        _warned.add(path)
        _log.warning(
            "[telemetry] texts is on: what users and models say is recorded in %s. "
            "Keys, tokens and e-mail addresses are redacted as far as they are known "
            "or look like it; all else is not",
            path,
        )


def _said(answer: Entry) -> Iterator[str]:
    """An answer's words, and its tool calls with decoded arguments: in JSON, a key
    behind an escape would not look like one."""
    if answer.text:
        yield answer.text
    for call in answer.calls:
        yield f"[{call.name}]"
        try:
            arguments = json.loads(call.arguments)
        except ValueError:
            yield "(arguments not readable)"
        else:
            yield from _lines(arguments)


def _lines(value: Any, name: str = "") -> Iterator[str]:
    match value:
        case dict():
            for key, inner in value.items():
                yield from _lines(inner, key)
        case list():
            for inner in value:
                yield from _lines(inner, name)
        case _:
            yield f"{name}: {value}"


def _kept(text: str | None, most: int, secrets: Collection[str]) -> str | None:
    if not text:
        return None
    looked_at = clipped(text, most)
    cut = len(looked_at) == most + _MARGIN
    if cut:
        looked_at = looked_at[: len(looked_at) - _begun(looked_at, secrets)]
    encodable = looked_at.encode(errors="replace").decode().translate(_CONTROLS)
    safe = redacted(encodable, secrets)
    if cut:
        safe = safe.rstrip(_WORD)
    return safe.encode()[:most].decode(errors="ignore")


def _begun(text: str, secrets: Collection[str]) -> int:
    """Characters at the end of a text that was cut which may begin a secret, or are
    one, whose own end may look like a beginning."""
    lengths = (
        n
        for secret in secrets
        for n in range(1, len(secret) + 1)
        if text[-n:] == secret[:n]
    )
    return max(lengths, default=0)
