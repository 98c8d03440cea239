"""Tool results in clients' histories, shortened as a ``RoutedAgent``'s are at arrival.

A client sends its whole history with each request, unshortened. What is left out of a
result depends only on what precedes it, so each request, and each worker, leaves
out the same, and prompt caches hold. Only what is in view above is left out: a gateway
has no place where the client's model could read the whole.
"""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from openhands_tiered_router.gateway.call import GatewayCall, Wire
from openhands_tiered_router.policy.kinds import ActionKind
from openhands_tiered_router.policy.tools import is_known, is_shell, kind_of
from openhands_tiered_router.tokens.filter import LEAST, Seen, arrived


CONVERSATIONS: Final = 200
"""Remembered; others are read anew."""
_LOOKS: Final = frozenset({ActionKind.READ, ActionKind.SEARCH, ActionKind.LIST})

_Place = tuple[int | None, int | None]
"""Of a text in a message: number of its block, and of the part in that; ``None`` where
the text is the whole content."""


@dataclass(slots=True)
class _History:
    """What one conversation showed so far."""

    prints: list[int] = field(default_factory=list)
    seen: Seen = field(default_factory=Seen)
    commands: dict[str, str | None] = field(default_factory=dict)
    """By call id; ``None``: of a tool whose results stay whole."""
    short: dict[int, dict[str, str]] = field(default_factory=dict)
    """By number of the message, what replaces a text of it."""


class Arrivals:
    """Shortens the histories of conversations, at the price of what is new in them.

    Safe under threads.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[str, _History] = OrderedDict()

    def shortened(self, call: GatewayCall, messages: Sequence[Any]) -> list[Any] | None:
        """The messages to send instead; ``None``: as they are. Mutates nothing.

        Args:
            call: The request; of a conversation without a name nothing is shortened,
                nor of the Responses API.
            messages: Those of its body.
        """
        if call.session_id is None or call.wire is Wire.RESPONSES:
            return None
        prints = [call.fingerprint(message) for message in messages]
        with self._lock:
            history = self._known.setdefault(call.session_id, _History())
            self._known.move_to_end(call.session_id)
            if len(self._known) > CONVERSATIONS:
                self._known.popitem(last=False)
            count = len(history.prints)
            if prints[:count] != history.prints:
                history, count = _History(), 0
                self._known[call.session_id] = history
            for number in range(count, len(messages)):
                _follow(history, number, messages[number], call.wire)
            history.prints = prints
            short = dict(history.short)
        if not short:
            return None
        changed = list(messages)
        for number, texts in short.items():
            # By the text: clients move their cache markers, and parts with them.
            for _, place, text in list(_results(messages[number], call.wire)):
                if text in texts:
                    changed[number] = _replaced(changed[number], place, texts[text])
        return changed


def left_out(call: GatewayCall, messages: Sequence[Any], short: Sequence[Any]) -> int:
    """Characters of results that the shortened messages lack."""
    pairs = zip(messages, short, strict=True)
    return sum(
        len(whole) - len(text)
        for before, after in pairs
        if before is not after
        for (_, _, whole), (_, _, text) in zip(
            _results(before, call.wire), _results(after, call.wire), strict=True
        )
    )


def _follow(history: _History, number: int, message: Any, wire: Wire) -> None:
    for id, name, arguments in _calls(message, wire):
        command = "\n".join(v for v in arguments.values() if isinstance(v, str))
        command = command or name
        history.seen.add(command, command)
        looks = is_known(name) and kind_of(name, arguments) in _LOOKS
        filtered = is_shell(name) or looks
        history.commands[id] = command if filtered else None
    texts: dict[str, str] = {}
    for id, _, text in _results(message, wire):
        command = history.commands.get(id)
        if command is not None and len(text) >= LEAST and text not in texts:
            found = arrived(text, history.seen, distil=False).text
            if len(found) < len(text):
                texts[text] = found
        history.seen.add(command or "a tool", texts.get(text, text))
    if texts:
        history.short[number] = texts


def _calls(message: Any, wire: Wire) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Id, name and arguments of each call that a message makes."""
    if not isinstance(message, Mapping) or message.get("role") != "assistant":
        return
    if wire is Wire.CHAT:
        for call in message.get("tool_calls") or ():
            function = call.get("function") or {}
            name = str(function.get("name"))
            yield str(call.get("id")), name, _object(function.get("arguments"))
    else:
        for block in _blocks(message.get("content")):
            if block.get("type") == "tool_use":
                name = str(block.get("name"))
                yield str(block.get("id")), name, _object(block.get("input"))


def _results(message: Any, wire: Wire) -> Iterator[tuple[str, _Place, str]]:
    """Call id, place and text of each text that a message has of tools."""
    if not isinstance(message, Mapping):
        return
    content = message.get("content")
    if wire is Wire.CHAT:
        if message.get("role") == "tool":
            id = str(message.get("tool_call_id"))
            yield from ((id, (None, part), text) for part, text in _texts(content))
        return
    if message.get("role") != "user" or not isinstance(content, list):
        return
    for number, block in enumerate(content):
        if isinstance(block, Mapping) and block.get("type") == "tool_result":
            id = str(block.get("tool_use_id"))
            texts = _texts(block.get("content"))
            yield from ((id, (number, part), text) for part, text in texts)


def _texts(content: Any) -> Iterator[tuple[int | None, str]]:
    if isinstance(content, str):
        yield None, content
        return
    for number, part in enumerate(content if isinstance(content, list) else ()):
        if isinstance(part, Mapping) and part.get("type") == "text":
            text = part.get("text")
            if isinstance(text, str):
                yield number, text


def _replaced(message: Any, place: _Place, text: str) -> Any:
    """The message with a text of it replaced; everything else, markers too, stays."""
    block, part = place
    if block is None:
        return {**message, "content": _content(message["content"], part, text)}
    blocks = list(message["content"])
    inner = blocks[block]
    blocks[block] = {**inner, "content": _content(inner["content"], part, text)}
    return {**message, "content": blocks}


def _content(content: Any, part: int | None, text: str) -> Any:
    if part is None:
        return text
    return [{**p, "text": text} if i == part else p for i, p in enumerate(content)]


def _blocks(content: Any) -> list[Mapping[str, Any]]:
    blocks = content if isinstance(content, list) else ()
    return [block for block in blocks if isinstance(block, Mapping)]


def _object(value: Any) -> Mapping[str, Any]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return {"arguments": value}
    return value if isinstance(value, Mapping) else {}
