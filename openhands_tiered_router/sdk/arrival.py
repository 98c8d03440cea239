"""Tools whose results are shortened when they arrive, before they are stored.

What is stored is what every later model sees, so that resume, fork and replay send the
same bytes and no prompt cache breaks. On a fault of ours the result stays whole.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from openhands.sdk import LocalConversation
from openhands.sdk.event import ActionEvent, LLMConvertibleEvent, ObservationEvent
from openhands.sdk.llm import TextContent
from openhands.sdk.tool import Action, Observation, ToolDefinition, ToolExecutor

from openhands_tiered_router.tokens import left_out
from openhands_tiered_router.tokens.filter import LEAST, Seen, arrived


logger = logging.getLogger(__name__)

FILTERED: Final = frozenset({"terminal", "file_editor", "grep"})
"""Tools of the SDK whose results are texts that may be shortened; no others are."""
WHOLE: Final = "whole-results"
"""Directory, below that of the conversation's observations, for what was distilled."""


def with_filter(
    tools: Mapping[str, ToolDefinition[Any, Any]],
) -> dict[str, ToolDefinition[Any, Any]]:
    """The tools, those in ``FILTERED`` with results that are shortened at arrival."""
    view = _View()
    return {name: _filtered(name, tool, view) for name, tool in tools.items()}


def _filtered(
    name: str, tool: ToolDefinition[Any, Any], view: _View
) -> ToolDefinition[Any, Any]:
    executor = tool.executor
    if name not in FILTERED or executor is None or isinstance(executor, _Filtering):
        return tool
    return tool.set_executor(_Filtering(executor, view))


class _View:
    """What the conversation shows, read anew only where it is not what it was."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ids: list[str] = []
        self._seen = Seen()
        self._commands: dict[str, str] = {}

    def shortened(self, text: str, conversation: LocalConversation) -> str:
        """The text for a conversation; the same if nothing can be left out."""
        state = conversation.state
        directory = state.env_observation_persistence_dir
        with self._lock:
            self._follow(state.view.events)
            found = arrived(text, self._seen, distil=directory is not None)
            if not found.distilled or directory is None:
                return found.text
            notice = f"\n[the whole result: {_path(directory, text)}]"
            if len(found.text) + len(notice) < len(text):
                _keep(directory, text)
                return found.text + notice
            return arrived(text, self._seen, distil=False).text

    def _follow(self, events: list[LLMConvertibleEvent]) -> None:
        """Notes what is new; forgets everything if something else has gone."""
        count = len(self._ids)
        if [event.id for event in events[:count]] != self._ids:
            self._ids, self._seen, self._commands, count = [], Seen(), {}, 0
        for event in events[count:]:
            self._ids.append(event.id)
            if isinstance(event, ActionEvent):
                command = command_of(event)
                self._commands[event.tool_call_id] = command
                self._seen.add(command, command)
            elif isinstance(event, ObservationEvent):
                parts = event.observation.to_llm_content
                text = "".join(p.text for p in parts if isinstance(p, TextContent))
                name = self._commands.get(event.tool_call_id, event.tool_name)
                self._seen.add(name, text)


class Around(ToolExecutor[Any, Any]):
    """A tool's executor with another way to be called; all else is its own."""

    def __init__(self, inner: ToolExecutor[Any, Any]) -> None:
        self._inner = inner

    def close(self) -> None:
        self._inner.close()

    def interrupt(self) -> None:
        self._inner.interrupt()

    def __getattr__(self, name: str) -> Any:
        # Only what is not found here: the tool's own, which the SDK's servers ask for.
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._inner, name)


class _Filtering(Around):
    """Runs a tool and shortens its result."""

    def __init__(self, inner: ToolExecutor[Any, Any], view: _View) -> None:
        super().__init__(inner)
        self._view = view

    def __call__(
        self, action: Action, conversation: LocalConversation | None = None
    ) -> Observation:
        observation = self._inner(action, conversation)
        if conversation is None:
            return observation
        try:
            return self._shortened(observation, conversation)
        except Exception as error:
            # The type alone: a message could quote the result.
            logger.error("tool result not shortened: %s", type(error).__name__)
            return observation

    def _shortened(
        self, observation: Observation, conversation: LocalConversation
    ) -> Observation:
        parts = list(observation.content)
        changed = False
        for i, part in enumerate(parts):
            if not isinstance(part, TextContent) or len(part.text) < LEAST:
                continue
            text = self._view.shortened(part.text, conversation)
            if len(text) < len(part.text):
                parts[i] = part.model_copy(update={"text": text})
                changed = True
        if not changed:
            return observation
        shorter = observation.model_copy(update={"content": parts})
        note_left_out(shorter, observation)
        return shorter


def note_left_out(shorter: Observation, whole: Observation) -> None:
    """Notes what prompts lack, for reports, by the texts that models are sent."""
    pairs = zip(shorter.to_llm_content, whole.to_llm_content, strict=False)
    for short, full in pairs:
        if isinstance(short, TextContent) and isinstance(full, TextContent):
            left_out.note(short.text, full.text)


def command_of(event: ActionEvent) -> str:
    """The texts of a tool call, as they were meant; the same that the model sees."""
    try:
        arguments = json.loads(event.tool_call.arguments)
    except ValueError:
        return event.tool_call.arguments
    return "\n".join(_strings(arguments)) or event.tool_name


def _strings(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner)


def _path(directory: str, text: str) -> Path:
    name = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:16]
    return Path(directory, WHOLE, f"{name}.txt")


def _keep(directory: str, text: str) -> None:
    """Writes the whole text where only its owner can read it."""
    path = _path(directory, text)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    with open(os.open(path, flags, 0o600), "wb") as file:
        file.write(text.encode(errors="surrogatepass"))
