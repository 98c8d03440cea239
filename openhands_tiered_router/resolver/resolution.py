"""One issue in one repository, from its first run to a commit."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final
from uuid import UUID

from openhands_tiered_router.resolver import prompt, record
from openhands_tiered_router.resolver.checkout import Checkout, Source
from openhands_tiered_router.resolver.ending import EXIT_NO_CHANGE, EXIT_UNVERIFIED
from openhands_tiered_router.resolver.errors import DeliveryError, ResolveError
from openhands_tiered_router.resolver.issue import Issue, Reference
from openhands_tiered_router.resolver.record import Record
from openhands_tiered_router.resolver.work import Done, Work, Worker


BRANCHES: Final = "tiered-router/issue-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a run of ``resolve`` came to."""

    exit_code: int
    base: str
    branch: str
    commit: str = ""
    """The finished change; "": there is none."""
    verified: bool = False
    previous: str = ""
    """The finished change of an earlier beginning, which this one replaces."""
    done: Done | None = None
    """The agent's run; ``None``: the issue was resolved before."""
    resumed: bool = False
    dependencies: tuple[str, ...] = ()
    """Dependency files that differ from those that the work began with."""
    kept: Path | None = None
    """Where the unfinished work is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """All that is needed to work on an issue."""

    reference: Reference
    issue: Issue
    source: Source
    state: Path
    """Directory in which resolutions are kept."""
    worker: Worker
    forget: Callable[[UUID], None] = lambda _: None
    """Removes a conversation that is begun anew."""
    settings: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Git's, for cloning."""
    unverified: bool = False
    """Take work that was not verified, too."""

    @property
    def id(self) -> UUID:
        return record.id_of(self.source.identity, self.reference.identity)

    @property
    def directory(self) -> Path:
        return self.state / self.id.hex

    @property
    def checkout(self) -> Checkout:
        return Checkout(self.directory, self.source)

    @property
    def branch(self) -> str:
        return f"{BRANCHES}{self.reference.slug}"

    def run(self, fresh: bool = False) -> Outcome:
        """Begin, or go on where an earlier run ended.

        Args:
            fresh: Forget earlier runs.

        Raises:
            ResolveError: The repository cannot be used.
        """
        known = None if fresh else record.load(self.directory)
        if known is not None and known.commit:
            if self._is_still_there(known):
                return self._resolved(known)
            known = None
        resumed = known is not None and self.checkout.copy.is_dir()
        if known is None or not resumed:
            known = self._begin()
        news = self._news(known) if resumed else ()
        if known.fingerprint != self.issue.fingerprint:
            known = replace(known, fingerprint=self.issue.fingerprint)
            record.save(self.directory, known)
        work = Work(
            directory=self.checkout.copy,
            base=known.base,
            conversation=self.id,
            task=prompt.task(self.issue),
            news=news,
            fresh=not resumed,
        )
        return self._finished(known, self.worker(work), resumed)

    def _begin(self) -> Record:
        self.forget(self.id)
        previous = self._previous()
        base = self.checkout.prepare(self.branch, self.settings)
        begun = Record(
            base=base,
            fingerprint=self.issue.fingerprint,
            dependencies=record.hashes(self.checkout.git, base),
            previous=previous,
        )
        record.save(self.directory, begun)
        return begun

    def _previous(self) -> str:
        try:
            known = record.load(self.directory)
        except ResolveError:
            return ""
        return (known.commit or known.previous) if known else ""

    def _is_still_there(self, known: Record) -> bool:
        """Whether the finished work answers what the issue says now."""
        if known.fingerprint != self.issue.fingerprint:
            return False
        if not (known.verified or self.unverified):
            return False
        try:
            self.checkout.git("cat-file", "-e", f"{known.commit}^{{commit}}")
        except ResolveError:
            return False
        return True

    def _resolved(self, known: Record) -> Outcome:
        return Outcome(
            exit_code=0,
            base=known.base,
            branch=self.branch,
            commit=known.commit,
            previous=known.previous,
            verified=known.verified,
            resumed=True,
            dependencies=self._stale(known, known.commit),
        )

    def _news(self, known: Record) -> tuple[str, ...]:
        news = []
        if known.fingerprint != self.issue.fingerprint:
            news.append(f"{prompt.CHANGED}\n\n{prompt.task(self.issue)}")
        stale = self._stale(known, self.checkout.trees.tree(known.base))
        if stale:
            news.append(prompt.STALE.format(files=", ".join(stale)))
        return tuple(news)

    def _stale(self, known: Record, tree: str) -> tuple[str, ...]:
        now = record.hashes(self.checkout.git, tree)
        return record.changed(known.dependencies, now)

    def _finished(self, known: Record, done: Done, resumed: bool) -> Outcome:
        checkout = self.checkout
        tree = checkout.trees.tree(known.base)
        outcome = Outcome(
            exit_code=done.exit_code,
            base=known.base,
            branch=self.branch,
            previous=known.previous,
            verified=done.verified,
            done=done,
            resumed=resumed,
            dependencies=self._stale(known, tree),
            kept=checkout.copy,
        )
        accepted = done.exit_code == 0 or (
            done.exit_code == EXIT_UNVERIFIED and self.unverified
        )
        if not accepted:
            return outcome
        if checkout.changes_nothing(known.base, tree):
            return replace(outcome, exit_code=EXIT_NO_CHANGE)
        commit = checkout.trees.commit(tree, known.base, self._message)
        self._set_branch(commit, known.previous)
        after = replace(known, commit=commit, verified=done.verified)
        record.save(self.directory, after)
        checkout.remove()
        return replace(outcome, exit_code=0, commit=commit, kept=None)

    @property
    def _message(self) -> str:
        """Without the issue's own words: hosts obey some of them, such as ``fixes``."""
        place = self.reference.place
        return f"Resolve {place.name if place else f'issue {self.reference.slug}'}\n"

    def _set_branch(self, commit: str, previous: str) -> None:
        git, name = self.checkout.git, self.branch
        try:
            stands = git("rev-parse", "--verify", "-q", f"refs/heads/{name}")
        except ResolveError:
            stands = ""
        if stands not in ("", previous, commit):
            raise DeliveryError(
                f"the branch {name} has commits of others; rename or delete it, and "
                "run again"
            )
        git("branch", "-f", "--no-track", name, commit)


def forget_conversation(directory: Path) -> Callable[[UUID], None]:
    """Removes conversations that are kept in a directory."""

    def forget(conversation: UUID) -> None:
        shutil.rmtree(directory / conversation.hex, ignore_errors=True)

    return forget
