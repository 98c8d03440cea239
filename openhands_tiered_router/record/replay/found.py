"""Where agents leave their recordings on this machine."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcripts:
    """Recordings that an agent left on this machine."""

    agent: str
    path: Path
    """What ``read_recordings`` and ``tiered-router replay`` take."""
    sessions: int
    newest: float
    """When the newest of them was last written, epoch seconds."""


def found_transcripts(home: Path | None = None) -> list[Transcripts]:
    """The directories of agents' recordings on this machine, newest first.

    Only names and times are looked at; nothing is read.

    Args:
        home: The user's directory; by default that of this process. The agents' own
            variables, such as ``CODEX_HOME``, count only without it.
    """
    own = {} if home else os.environ
    home = home or Path.home()
    claude = Path(own.get("CLAUDE_CONFIG_DIR") or home / ".claude")
    codex = Path(own.get("CODEX_HOME") or home / ".codex")
    pi = Path(own.get("PI_CODING_AGENT_DIR") or home / ".pi" / "agent")
    places = (
        ("OpenHands", home / ".openhands" / "conversations", "*/base_state.json"),
        ("Claude Code", claude / "projects", "*/*.jsonl"),
        ("Codex CLI", codex / "sessions", "**/rollout-*.jsonl"),
        ("Gemini CLI", home / ".gemini" / "tmp", "*/chats/session-*.json*"),
        ("pi", pi / "sessions", "*/*.jsonl"),
    )
    found = [_transcripts(*place) for place in places]
    there = [one for one in found if one is not None]
    return sorted(there, key=lambda one: -one.newest)


def _transcripts(agent: str, path: Path, pattern: str) -> Transcripts | None:
    times = []
    try:
        for file in path.glob(pattern):
            if not file.name.startswith("agent-"):
                times.append(file.stat().st_mtime)
    except OSError:
        pass  # unreadable or gone meanwhile: what was found counts
    if not times:
        return None
    return Transcripts(agent=agent, path=path, sessions=len(times), newest=max(times))
