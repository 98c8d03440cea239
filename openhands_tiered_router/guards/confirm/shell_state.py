"""Where the shell is when an action runs."""

from __future__ import annotations

from openhands.sdk.conversation.state import ConversationState
from openhands.sdk.event import (
    ActionEvent,
    AgentErrorEvent,
    ObservationEvent,
    UserRejectObservation,
)

from openhands_tiered_router.guards.confirm.commands import may_move


def shell_of(state: ConversationState, event: ActionEvent) -> tuple[str | None, bool]:
    """Where the shell will be when an action runs, and whether that is known.

    ``None``: where it began, in the workspace. Of the actions of one response none has
    run while they are judged, so one that may change directory leaves it unknown.
    """
    answered: set[str] = set()
    for seen in reversed(state.events):
        if getattr(seen, "tool_name", None) != event.tool_name:
            continue
        if isinstance(seen, ObservationEvent):
            metadata = getattr(seen.observation, "metadata", None)
            cwd = getattr(metadata, "working_dir", None)
            return cwd, cwd is not None
        if isinstance(seen, AgentErrorEvent):
            return None, False  # the tool failed, or was started anew
        if isinstance(seen, UserRejectObservation):
            answered.add(seen.action_id)
        elif isinstance(seen, ActionEvent) and seen.id not in {event.id, *answered}:
            command = getattr(seen.action, "command", None)
            blocked = seen.id in state.blocked_actions
            if not blocked and (not isinstance(command, str) or may_move(command)):
                return None, False
    return None, True
