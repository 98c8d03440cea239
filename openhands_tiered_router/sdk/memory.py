"""Between a conversation and what its repository remembers; see ``memory``."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Final
from weakref import WeakKeyDictionary

from openhands.sdk import LocalConversation
from openhands.sdk.conversation.state import ConversationState
from openhands.sdk.event import (
    ActionEvent,
    Event,
    MessageEvent,
    ObservationEvent,
    SystemPromptEvent,
)
from openhands.sdk.llm import TextContent

from openhands_tiered_router.guards.guard import Guard
from openhands_tiered_router.memory.lessons import Lesson, Lessons
from openhands_tiered_router.memory.repository import Repository, repository_of
from openhands_tiered_router.memory.settings import MemorySettings
from openhands_tiered_router.memory.store import Memory, memory_of
from openhands_tiered_router.policy.actions import observed_exit_code
from openhands_tiered_router.policy.entry import arguments_of, defused
from openhands_tiered_router.policy.tools import command_of, is_shell
from openhands_tiered_router.redaction import spellings
from openhands_tiered_router.sdk.texts import known_secrets


logger = logging.getLogger(__name__)

_STARTS_WITHIN: Final = 3
"""Events among which the SDK looks for the system prompt of a conversation."""

_LOOKED_BACK: Final = 100
"""Events of a resumed conversation in which the user's words are looked for."""


def recall_for(
    state: ConversationState, settings: MemorySettings
) -> Callable[[str], str | None] | None:
    """What tells the first request what is remembered; ``None``: nothing does, since
    the conversation has begun already, or memory is off."""
    begun = (isinstance(e, SystemPromptEvent) for e in state.events[:_STARTS_WITHIN])
    if not settings.enabled or any(begun):
        return None
    directory, memory = Path(state.workspace.working_dir), memory_of(settings)

    def recall(request: str) -> str | None:
        where = repository_of(directory)
        told = None if where is None else memory.recall(where, request)
        return None if told is None else defused(told)

    return recall


class MemoryKeeper(Guard):
    """Learns from the events of conversations; writes in a thread of its own."""

    name = "memory"

    def __init__(self, settings: MemorySettings) -> None:
        super().__init__()
        self._memory = memory_of(settings)
        self._followed: WeakKeyDictionary[LocalConversation, _Followed] = (
            WeakKeyDictionary()
        )

    def see(self, conversation: LocalConversation, event: Event) -> None:
        """Follows a conversation from where this process came to it."""
        followed = self._followed.setdefault(conversation, _Followed())
        learned = followed.lessons_of(event, conversation.state)
        if learned:
            id = str(conversation.id)
            llms = getattr(conversation.agent.llm, "llms_for_routing", {})
            secrets = known_secrets(id, None, llms)
            directory = Path(conversation.workspace.working_dir)
            _writer().submit(_keep, self._memory, directory, learned, secrets)


class _Followed:
    """One conversation so far."""

    def __init__(self) -> None:
        self._lessons = Lessons()
        self._commands: dict[str, str] = {}
        self._read: int | None = None
        """Events in which the user's words have been looked for."""

    def lessons_of(self, event: Event, state: ConversationState) -> list[Lesson]:
        if isinstance(event, ActionEvent) and is_shell(event.tool_name):
            arguments = arguments_of(event.tool_call.arguments)
            self._commands[event.tool_call_id] = command_of(arguments)
        elif isinstance(event, ObservationEvent):
            command = self._commands.pop(event.tool_call_id, None)
            if command is not None:
                self._listen(state)
                code = observed_exit_code(event.observation)
                return self._lessons.ran(command, code, event.observation.text)
        return []

    def _listen(self, state: ConversationState) -> None:
        """Reads what the user said: an agent's step has no callback for that."""
        count = len(state.events)
        begin = max(count - _LOOKED_BACK, 0) if self._read is None else self._read
        self._read = count
        for event in state.events[begin:count]:
            if isinstance(event, MessageEvent) and event.source == "user":
                parts = event.llm_message.content
                texts = (part.text for part in parts if isinstance(part, TextContent))
                self._lessons.said("\n".join(texts))


@cache
def _writer() -> ThreadPoolExecutor:
    """One thread: git, files and SQLite may wait, an agent's event loop may not. What
    is waiting is written before the process ends."""
    return ThreadPoolExecutor(1, "tiered-router-memory")


def written() -> None:
    """Returns once everything learned so far is in its file. Blocks."""
    _writer().submit(lambda: None).result()


def _keep(
    memory: Memory,
    directory: Path,
    lessons: list[Lesson],
    secrets: Callable[[], Collection[str]],
) -> None:
    try:
        where: Repository | None = repository_of(directory)
        if where is not None:
            known = {s for secret in secrets() for s in spellings(secret)}
            for lesson in lessons:
                memory.learn(where, lesson, known)
    except Exception as error:
        # The type alone: a message could quote a command.
        logger.error("nothing remembered: %s", type(error).__name__)
