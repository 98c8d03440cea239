"""The level of one action: by its kind, its paths, its command."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import Any, Final

from openhands.sdk.event import ActionEvent
from openhands.sdk.security import SecurityRisk
from openhands.sdk.security.analyzer import SecurityAnalyzerBase

from openhands_tiered_router.guards.confirm.commands import first_words, judge_command
from openhands_tiered_router.guards.confirm.paths import Place, Places, place_of_edit
from openhands_tiered_router.guards.confirm.settings import ConfirmSettings
from openhands_tiered_router.guards.confirm.verdict import Level, Verdict


RiskOf = Callable[[str, str], str | None]
"""Why an edit is risky, by workspace and path within it; ``None``: it is not.
Must neither block nor raise."""

_HARMLESS: Final = frozenset(
    {
        "FinishAction",
        "ThinkAction",
        "TaskTrackerAction",
        "InvokeSkillAction",
        "FindToolAction",
    }
)
_EDITORS: Final = frozenset({"FileEditorAction", "PlanningFileEditorAction"})
_SEARCHES: Final = frozenset({"GrepAction", "GlobAction"})
_KEYS: Final = frozenset({"", "C-c"})
"""Input that only looks at, or stops, what runs."""
_PATCHED: Final = re.compile(
    r"^\*\*\* (?:(?:Add|Update|Delete) File|Move to): (.+)$", re.MULTILINE
)


class Judge:
    """Levels of actions in one workspace.

    Args:
        settings: Thresholds and paths.
        workspace: Absolute path of the conversation's working directory.
        signatures: The SDK's analyzers; what they find worse than unknown counts,
            unless an action is known to be harmless: their patterns also match what is
            merely searched for.
        risk_of: Raises the level of edits, such as of hubs in the code graph.
    """

    def __init__(
        self,
        settings: ConfirmSettings,
        workspace: str,
        signatures: SecurityAnalyzerBase,
        risk_of: RiskOf | None = None,
    ) -> None:
        self._settings = settings
        self._places = Places(workspace, settings.readable)
        self._signatures = signatures
        self._risk_of = risk_of
        split = (first_words(command) for command in settings.commands)
        self._trusted = tuple(words for words in split if words)

    def judge(
        self, event: ActionEvent, cwd: str | None = None, *, sure: bool = True
    ) -> Verdict:
        """The level of an action, and why.

        Args:
            event: As the agent proposed it.
            cwd: Where its shell is; ``None``: where it began, in the workspace.
            sure: Whether that is known; if not, no command is known to be safe.
        """
        action = event.action
        kind = type(action).__name__
        if action is None or kind in _HARMLESS:
            return Verdict(Level.LOW, "changes nothing")
        if kind in _EDITORS:
            return self._edit_or_view(action)
        if kind in _SEARCHES:
            return self._read(action)
        if kind == "ApplyPatchAction":
            return self._patch(action)
        tool = getattr(action, "tool", event.tool_name)  # what `call_tool` calls
        verdict = Verdict(Level.MEDIUM, f"the tool {tool} may do anything")
        if kind == "TerminalAction":
            verdict = self._command(action, cwd, sure)
        return verdict if verdict.level is Level.LOW else self._worst(verdict, event)

    def _command(self, action: Any, cwd: str | None, sure: bool) -> Verdict:
        if action.is_input:
            if action.command in _KEYS:
                return Verdict(Level.LOW, "looks at what runs, or stops it")
            return Verdict(Level.MEDIUM, "input to a program that runs")
        if not action.command:
            return Verdict(Level.LOW, "looks at what runs")
        if not sure:
            return Verdict(Level.MEDIUM, "where the shell is then is not known")
        places = Places(self._places.workspace, self._places.readable, cwd)
        return judge_command(action.command, places, self._trusted)

    def _edit_or_view(self, action: Any) -> Verdict:
        if action.command == "view":
            return self._read(action)
        return self._edit(action.path)

    def _read(self, action: Any) -> Verdict:
        place = self._places.read(action.path or ".")
        levels = {Place.INSIDE: Level.LOW, Place.OUTSIDE: Level.MEDIUM}
        return Verdict(levels.get(place, Level.HIGH), f"reads {place}")

    def _patch(self, action: Any) -> Verdict:
        paths = _PATCHED.findall(action.patch)
        if not paths:
            return Verdict(Level.MEDIUM, "a patch of no known file")
        return max((self._edit(path) for path in paths), key=lambda v: v.level)

    def _edit(self, path: str) -> Verdict:
        place = place_of_edit(path, self._places)
        if place is not Place.INSIDE:
            return Verdict(Level.HIGH, f"edits {place}")
        # By the real directory: a link may lead to a sensitive one.
        top = os.path.realpath(self._places.workspace)
        full = os.path.realpath(os.path.join(top, path))
        relative = os.path.relpath(full, top)
        for glob in self._settings.sensitive_paths:
            if _matches(relative, glob):
                return Verdict(Level.MEDIUM, f"edits a path like {glob!r}")
        risk = (
            self._risk_of(self._places.workspace, relative) if self._risk_of else None
        )
        if risk is not None:
            return Verdict(Level.MEDIUM, f"edits a risky file: {risk}")
        return Verdict(self._settings.edit_level, "edits inside the workspace")

    def _worst(self, verdict: Verdict, event: ActionEvent) -> Verdict:
        """What signatures and the model itself say may only make it worse."""
        said = {
            "a signature of the SDK's analyzers": self._signatures.security_risk(event),
            "the model that proposed it": event.security_risk,
        }
        for source, risk in said.items():
            if risk is SecurityRisk.HIGH:
                return Verdict(Level.HIGH, f"{verdict.reason}; high risk by {source}")
        return verdict


def _matches(path: str, glob: str) -> bool:
    """Whether the path, or its end from some directory on, fits the glob."""
    parts = PurePosixPath(path).parts
    return any(fnmatchcase("/".join(parts[i:]), glob) for i in range(len(parts)))
