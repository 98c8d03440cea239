"""Git commands of our own: no hooks, no prompts, no shell, credentials for one process.

None of them runs with the configuration of a repository that an agent could write to.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from openhands_tiered_router.resolver.errors import ResolveError


SECONDS: Final = 600.0
"""For one command: a clone of a big repository takes minutes."""

_SAFE: Final = {
    "core.hooksPath": os.devnull,
    "core.fsmonitor": "false",
    "core.sparseCheckout": "false",
    "core.quotePath": "false",
    "protocol.ext.allow": "never",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "advice.detachedHead": "false",
}
_SHOWN: Final = 300
"""Characters of git's own words in an error."""


@dataclass(frozen=True, slots=True)
class Git:
    """Git on one repository."""

    directory: Path | None = None
    """The git directory; ``None``: none yet."""
    tree: Path | None = None
    """The working tree; where commands run."""
    index: Path | None = None
    """``None``: the git directory's own."""
    settings: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Settings of git that may hold credentials; they go into the environment of the
    process alone, so that neither its arguments nor a file has them."""

    def __call__(self, command: str, *arguments: str, given: bytes = b"") -> str:
        """Run a command; gives back its output without the last line's end.

        Args:
            command: Such as ``fetch``.
            arguments: The rest; names from outside stand behind ``--``.
            given: Standard input.

        Raises:
            ResolveError: It failed; with the end of what git said.
        """
        return self.raw(command, *arguments, given=given).decode(errors="replace")[:-1]

    def raw(
        self,
        command: str,
        *arguments: str,
        given: bytes = b"",
        good: Collection[int] = (0,),
    ) -> bytes:
        """The same; the whole output. ``good``: exit codes that are no failure."""
        try:
            done = subprocess.run(
                ["git", command, *arguments],
                input=given,
                env=self._environment(),
                cwd=self.tree or self.directory,
                capture_output=True,
                timeout=SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ResolveError(
                f"git {command} cannot be run: {type(error).__name__}"
            ) from None
        if done.returncode not in good:
            said = done.stderr.decode(errors="replace").strip()[-_SHOWN:]
            raise ResolveError(f"git {command} failed: {self._hidden(said)}")
        return done.stdout

    def _environment(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if k not in _OTHERS}
        places = {
            "GIT_DIR": self.directory,
            # Without a git directory git looks for one around the tree.
            "GIT_WORK_TREE": self.tree if self.directory else None,
            "GIT_INDEX_FILE": self.index,
        }
        chosen = {**_SAFE, **self.settings}
        pairs = {"GIT_CONFIG_COUNT": str(len(chosen))}
        for number, (name, value) in enumerate(chosen.items()):
            pairs[f"GIT_CONFIG_KEY_{number}"] = name
            pairs[f"GIT_CONFIG_VALUE_{number}"] = value
        return {
            **kept,
            **{k: str(v) for k, v in places.items() if v is not None},
            **pairs,
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_OPTIONAL_LOCKS": "0",
            "LC_ALL": "C",
        }

    def _hidden(self, text: str) -> str:
        for value in self.settings.values():
            text = text.replace(value, "(hidden)")
        return text


_OTHERS: Final = frozenset(
    {"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_TRACE", "GIT_TRACE_CURL"}
    | {"GIT_CURL_VERBOSE", "GIT_COMMON_DIR", "GIT_NAMESPACE"}
)
"""Would point elsewhere, or write credentials down."""
