"""Putting our skills and sub-agents into a repository, and taking them out."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Final

from openhands_tiered_router.skill_kit.stamp import Origin, origin, stamped
from openhands_tiered_router.textfiles import TextFileError, read, reason_of


EXPLORER: Final = "explorer"
"""The sub-agent for search and reading."""

_ASSETS: Final = "assets"


def skills_folder() -> Path:
    """Holds a directory for each skill: in the wheel, or in a checkout."""
    packaged = Path(__file__).parent / "skills"
    return packaged if packaged.is_dir() else Path(__file__).parents[2] / "skills"


def skills() -> dict[str, Path]:
    """The ``SKILL.md`` of each skill, by its name."""
    found = sorted(skills_folder().glob("*/SKILL.md"))
    return {path.parent.name: path for path in found}


def subagents() -> dict[str, Path]:
    """The definition of each sub-agent, by its name; a skill brings it along."""
    found = sorted(skills_folder().glob(f"*/{_ASSETS}/*.md"))
    return {path.stem: path for path in found}


class Layout(StrEnum):
    """Where a repository keeps its skills."""

    AGENTS = "agents"
    """``.agents``: the SDK's first place, and other agents' too."""
    OPENHANDS = "openhands"
    """``.openhands``."""
    MICROAGENTS = "microagents"
    """``.openhands/microagents``, one file a skill: before the SDK, deprecated."""

    @property
    def skills(self) -> PurePosixPath:
        """The directory of skills, from the repository's root."""
        base = ".agents" if self is Layout.AGENTS else ".openhands"
        flat = self is Layout.MICROAGENTS
        return PurePosixPath(base, "microagents" if flat else "skills")

    def skill(self, name: str) -> PurePosixPath:
        """The file of a skill."""
        if self is Layout.MICROAGENTS:
            return self.skills / f"{name}.md"
        return self.skills / name / "SKILL.md"

    def subagent(self, name: str) -> PurePosixPath:
        """The file of a sub-agent's definition."""
        return self.skills.parent / "agents" / f"{name}.md"


class State(StrEnum):
    """What a file in the repository is, compared with ours."""

    ABSENT = "absent"
    CURRENT = "current"
    OUTDATED = "outdated"
    """Ours, of another version; nobody has edited it."""
    CHANGED = "changed"
    """Edited, or somebody else's."""


@dataclass(frozen=True, slots=True)
class Item:
    """One file that belongs into a repository."""

    name: str
    path: Path
    text: str
    """What it should hold."""
    state: State


def items(root: Path, layout: Layout, names: Iterable[str] = ()) -> list[Item]:
    """Our files for the repository at ``root``, as they are there now.

    Args:
        root: The repository.
        layout: Where it keeps its skills.
        names: Of skills and sub-agents; all if empty.

    Raises:
        ValueError: A name is not one of ours; lists those that are.
        TextFileError: A file cannot be read, or a link leads out of ``root``.
    """
    ours = {
        **{n: (layout.skill(n), source) for n, source in skills().items()},
        **{n: (layout.subagent(n), source) for n, source in subagents().items()},
    }
    wanted = list(dict.fromkeys(names)) or list(ours)
    if unknown := [name for name in wanted if name not in ours]:
        raise ValueError(f"no skill {unknown[0]!r}; there are {', '.join(ours)}")
    return [_item(name, inside(root, ours[name][0]), ours[name][1]) for name in wanted]


def inside(root: Path, path: PurePosixPath) -> Path:
    """``path`` below ``root``.

    Raises:
        TextFileError: A link on the way leads out of it.
    """
    full = root / path
    if not full.resolve().is_relative_to(root.resolve()):
        raise TextFileError(f"{full} leads out of {root}: a link is in the way")
    return full


def _item(name: str, path: Path, source: Path) -> Item:
    text = stamped(source.read_text(encoding="utf-8"))
    return Item(name, path, text, state_of(path, text))


def state_of(path: Path, text: str) -> State:
    """How a file compares with the ``text`` that we would write there."""
    found = read(path)
    if found is None:
        return State.ABSENT
    if found.replace("\r\n", "\n") == text:
        return State.CURRENT
    return State.OUTDATED if origin(found) is Origin.OURS else State.CHANGED


def remove(path: Path, root: Path) -> None:
    """Deletes a file, and the directories below ``root`` that it leaves empty.

    Raises:
        TextFileError: It cannot be deleted.
    """
    try:
        path.unlink()
    except OSError as error:
        raise TextFileError(f"{path} cannot be deleted: {reason_of(error)}") from None
    with contextlib.suppress(OSError):  # not empty
        for folder in _between(path.parent, root):
            folder.rmdir()


def _between(folder: Path, root: Path) -> Iterator[Path]:
    while folder != root and root in folder.parents:
        yield folder
        folder = folder.parent
