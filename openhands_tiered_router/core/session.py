"""What the engine remembers of a conversation: small, immutable, derived from it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from openhands_tiered_router.core.actions import (
    Action,
    ActionKind,
    action_of,
    result_of,
)
from openhands_tiered_router.core.decision import Usage
from openhands_tiered_router.core.entry import Entry
from openhands_tiered_router.tiers import Tier


RECENT_TURNS: Final = 12
"""Turns kept in detail; no rule looks back further."""

_MARKER: Final = re.compile(
    r"\[tier:\s*(simple|medium|complex|reasoning|auto)\s*\]", re.IGNORECASE
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One answer of the model: what it did, and how that went."""

    actions: tuple[Action, ...]
    text_chars: int = 0
    """Length of what it said beside the tool calls."""

    @property
    def kind(self) -> ActionKind:
        """The kind of its last action; ``MESSAGE`` if it took none."""
        return self.actions[-1].kind if self.actions else ActionKind.MESSAGE

    @property
    def failed(self) -> bool:
        """Whether any of its actions is known to have failed."""
        return any(a.failed for a in self.actions)


@dataclass(frozen=True, slots=True)
class WarmPrefix:
    """What a provider is expected to have in its prompt cache for a conversation."""

    tokens: int
    used_at: float
    """When the endpoint last answered, epoch seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionState:
    """A conversation so far. ``fold`` gives the next state; nothing is mutated."""

    task: str = ""
    """The user's first words."""
    request: str = ""
    """The user's latest words."""
    user_messages: int = 0
    turns: int = 0
    recent: tuple[Turn, ...] = ()
    """The last ``RECENT_TURNS`` turns, oldest first."""
    pin: Tier | None = None
    """From a ``[tier: ...]`` marker in a user message; holds until the next marker."""
    chars: int = 0
    """Characters of all messages folded in."""
    images: int = 0
    prompt_tokens: int = 0
    """Size of the last prompt as the provider counted it; 0: not known."""
    chars_at_prompt: int = 0
    """``chars`` when ``prompt_tokens`` was measured."""
    warm: Mapping[str, WarmPrefix] = field(default_factory=dict)
    """By ``Endpoint.cache_id``."""

    @property
    def last(self) -> Turn | None:
        return self.recent[-1] if self.recent else None

    def fold(self, entries: Iterable[Entry]) -> SessionState:
        """The state after those further messages. Work is linear in them alone."""
        state = self
        for entry in entries:
            state = _FOLDS[entry.role](state, entry)
            state = replace(
                state,
                chars=state.chars + len(entry.text),
                images=state.images + entry.images,
            )
        return state

    def after_call(self, cache_id: str, usage: Usage, now: float) -> SessionState:
        """The state after an endpoint answered: prompt size and warm prefix."""
        if not usage.prompt:
            return self
        prefix = WarmPrefix(tokens=usage.prompt, used_at=now)
        return replace(
            self,
            prompt_tokens=usage.prompt,
            chars_at_prompt=self.chars,
            warm={**self.warm, cache_id: prefix},
        )

    def condensed(self, rebuilt: SessionState) -> SessionState:
        """``rebuilt`` from a shortened history, with what the history no longer tells.

        Prompt caches are cold after the history was edited, so ``warm`` is not kept.
        """
        return replace(
            rebuilt,
            task=self.task or rebuilt.task,
            turns=max(self.turns, rebuilt.turns),
            recent=rebuilt.recent or self.recent,
            pin=rebuilt.pin or self.pin,
        )


def _fold_user(state: SessionState, entry: Entry) -> SessionState:
    markers = _MARKER.findall(entry.text)
    pin = state.pin
    if markers:
        last = markers[-1].lower()
        pin = None if last == "auto" else Tier.parse(last)
    return replace(
        state,
        task=state.task or entry.text,
        request=entry.text,
        user_messages=state.user_messages + 1,
        pin=pin,
    )


def _fold_assistant(state: SessionState, entry: Entry) -> SessionState:
    turn = Turn(
        actions=tuple(action_of(c) for c in entry.calls), text_chars=len(entry.text)
    )
    return replace(
        state,
        turns=state.turns + 1,
        recent=(*state.recent, turn)[-RECENT_TURNS:],
    )


def _fold_tool(state: SessionState, entry: Entry) -> SessionState:
    """Puts a result to the newest turn that waits for it."""
    for i in range(len(state.recent) - 1, -1, -1):
        turn = state.recent[i]
        for k, action in enumerate(turn.actions):
            if action.failed is None and action.call_id == entry.call_id:
                done = _with_result(action, entry)
                actions = (*turn.actions[:k], done, *turn.actions[k + 1 :])
                turn = replace(turn, actions=actions)
                recent = (*state.recent[:i], turn, *state.recent[i + 1 :])
                return replace(state, recent=recent)
    return state


def _with_result(action: Action, entry: Entry) -> Action:
    failed, exit_code = result_of(entry)
    return replace(
        action,
        failed=failed,
        exit_code=exit_code,
        result=hash(entry.text),
        result_chars=len(entry.text),
    )


def _fold_system(state: SessionState, _: Entry) -> SessionState:
    return state


_FOLDS: Final = {
    "system": _fold_system,
    "user": _fold_user,
    "assistant": _fold_assistant,
    "tool": _fold_tool,
}
