"""Files on which a mistake is costly, and the floor that work on them gets."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Protocol

from openhands_tiered_router.policy.policy import Policy
from openhands_tiered_router.policy.session import SessionState


if TYPE_CHECKING:
    from openhands_tiered_router.graph.signals import TouchSignals

LOOKED_BACK = 4
"""Turns whose files count as at hand. Judgement: an edit soon follows a look."""


class RiskSource(Protocol):
    """Answers from what is kept; must neither block nor raise."""

    def touch_signals(self, paths: Iterable[str]) -> TouchSignals | None: ...


def files_at_hand(session: SessionState, workspace: str | None = None) -> list[str]:
    """Files that the last turns named, relative to the workspace, newest first."""
    named = (
        path
        for turn in reversed(session.recent[-LOOKED_BACK:])
        for action in turn.actions
        for path in action.paths
    )
    return list(dict.fromkeys(_relative(path, workspace) for path in named))


def risk(
    session: SessionState,
    policy: Policy,
    workspace: str | None = None,
    source: RiskSource | None = None,
) -> str | None:
    """Why the files at hand are risky; ``None``: they are not, as far as is known."""
    files = files_at_hand(session, workspace)
    for path in files:
        for glob in policy.risky_paths:
            if _matches(path, glob):
                return f"{path} matches {glob!r}"
    signals = source.touch_signals(files) if source and files else None
    if signals is None or signals.risk < policy.graph_risk:
        return None
    if signals.hubs:
        return f"{signals.hubs[0]} is a hub; {signals.dependents} files depend on it"
    if signals.untested:
        return f"no test reaches {signals.untested[0]}"
    return f"{signals.dependents} files depend on those at hand"


def _relative(path: str, workspace: str | None) -> str:
    if workspace:
        path = path.removeprefix(workspace.rstrip("/") + "/")
    return path.removeprefix("./")


def _matches(path: str, glob: str) -> bool:
    """Whether the path, or its end from some directory on, fits the glob."""
    parts = PurePosixPath(path).parts
    return any(fnmatchcase("/".join(parts[i:]), glob) for i in range(len(parts)))
