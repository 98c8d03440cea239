"""The kinds of things that agents do, whatever their tools are called."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class ActionKind(StrEnum):
    """The kind of thing that one tool call does."""

    SEARCH = "search"
    READ = "read"
    LIST = "list"
    GIT = "git"
    INSTALL = "install"
    CLEANUP = "cleanup"
    RUN = "run"
    """Runs a program that is already there."""
    FINISH = "finish"
    SCRIPT = "script"
    """Makes a new file outside the sources, as a reproduction or a note is."""
    EDIT = "edit"
    TEST = "test"
    SNIPPET = "snippet"
    """Runs code given on the command line."""
    SHELL = "shell"
    """Any other command."""
    THINK = "think"
    PLAN = "plan"
    DELEGATE = "delegate"
    BROWSE = "browse"
    MESSAGE = "message"
    """No tool call: the model spoke to the user."""
    OTHER = "other"


MECHANICAL: Final = frozenset(
    {
        ActionKind.SEARCH,
        ActionKind.READ,
        ActionKind.LIST,
        ActionKind.GIT,
        ActionKind.INSTALL,
        ActionKind.CLEANUP,
        ActionKind.RUN,
        ActionKind.FINISH,
    }
)
"""Kinds that a weak model does as well as a strong one.

55-60 % of the turns of recorded agent sessions, unless they are the first or follow
a failure (docs/benchmarks.md).
"""

CHANGES: Final = frozenset({ActionKind.EDIT, ActionKind.SCRIPT})
"""Kinds that change or make files."""
