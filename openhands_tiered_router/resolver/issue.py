"""What is to be resolved: issues, and how they are named on the command line."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from openhands_tiered_router.resolver.errors import UsageProblem
from openhands_tiered_router.textfiles import no_such_file


MAX_CHARS: Final = 65_536
"""Of an issue's text, as long as GitHub lets one be; more is cut, with a note."""


class Kind(StrEnum):
    """Software that hosts issues."""

    GITHUB = "github"
    GITLAB = "gitlab"


@dataclass(frozen=True, slots=True)
class Place:
    """An issue on a forge."""

    kind: Kind
    origin: str
    """Scheme and host, such as ``https://github.com``."""
    project: str
    """Path of the project, such as ``owner/repo``."""
    number: int

    @property
    def name(self) -> str:
        """What git and people call it; made of checked characters alone."""
        return f"{self.project}#{self.number}"

    @property
    def clone_url(self) -> str:
        return f"{self.origin}/{self.project}.git"


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """What an issue says. Written by anybody: data, never instructions."""

    title: str = ""
    body: str
    author: str = ""
    labels: tuple[str, ...] = ()
    """As they stand, whoever set them."""

    @property
    def text(self) -> str:
        """Title and body, cut where it is too long."""
        text = f"{self.title}\n\n{self.body}".strip()
        if len(text) <= MAX_CHARS:
            return text
        return text[:MAX_CHARS] + "\n[cut: the issue is longer]"

    @property
    def fingerprint(self) -> str:
        """Tells whether the text has changed."""
        return hashlib.sha256(self.text.encode(errors="replace")).hexdigest()


@dataclass(frozen=True, slots=True)
class Reference:
    """What the command line named."""

    identity: str
    """The same for the same issue, run after run."""
    slug: str
    """For the branch's name: letters, digits and hyphens."""
    place: Place | None = None
    issue: Issue | None = None
    """The issue itself, where it is on no forge."""


_NAME: Final = r"[A-Za-z0-9_][A-Za-z0-9_.-]*"
_SHORT: Final = re.compile(rf"({_NAME}/{_NAME})#([1-9]\d{{0,9}})")
_GITHUB: Final = re.compile(rf"/({_NAME}/{_NAME})/issues/([1-9]\d{{0,9}})/?")
_GITLAB: Final = re.compile(
    rf"/({_NAME}(?:/{_NAME})+)/-/(?:issues|work_items)/([1-9]\d{{0,9}})/?"
)


def reference_of(named: str, given: str = "") -> Reference:
    """What the argument names: ``-``, a URL, ``owner/repo#n``, a file or a text.

    Args:
        named: The argument.
        given: Standard input, for ``-``.

    Raises:
        UsageProblem: It names nothing that can be used.
    """
    if named == "-":
        return _text(given, "standard input")
    if short := _SHORT.fullmatch(named):
        place = Place(Kind.GITHUB, "https://github.com", short[1], int(short[2]))
        return _placed(place)
    if re.match(r"https?://\S+$", named):
        return _placed(_place(named))
    file = _file(named)
    if file is None:
        if mistake := no_such_file(named):
            raise UsageProblem(mistake)
        return _text(named, "the issue")
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = type(error).__name__
        raise UsageProblem(
            f"{file} cannot be read as UTF-8 text ({reason}); give a text file"
        ) from None
    found = _text(text, str(file))
    slug = re.sub(r"[^a-z0-9]+", "-", file.stem.lower()).strip("-")[:40] or found.slug
    return Reference(f"file:{file.resolve()}", slug, issue=found.issue)


def _file(named: str) -> Path | None:
    try:
        return Path(named) if Path(named).is_file() else None
    except (OSError, ValueError):  # too long for a path, or with a zero byte
        return None


def _text(text: str, what: str) -> Reference:
    if not text.strip():
        raise UsageProblem(f"{what} is empty; give the issue's text")
    issue = Issue(body=text)
    return Reference(f"text:{issue.fingerprint}", issue.fingerprint[:12], issue=issue)


def _placed(place: Place) -> Reference:
    identity = f"{place.kind}:{place.origin}/{place.name}"
    return Reference(identity, str(place.number), place)


def _place(url: str) -> Place:
    try:
        parts = urlsplit(url)
        host, has_user = parts.hostname or "", "@" in parts.netloc
    except ValueError:
        host, has_user, parts = "", False, urlsplit("")
    origin = f"{parts.scheme}://{parts.netloc}"
    if host and not has_user:
        if found := _GITLAB.fullmatch(parts.path):
            return Place(Kind.GITLAB, origin, found[1], int(found[2]))
        if found := _GITHUB.fullmatch(parts.path):
            kind = Kind.GITLAB if "gitlab" in host else Kind.GITHUB
            return Place(kind, origin, found[1], int(found[2]))
    raise UsageProblem(
        "the URL names no issue; write https://github.com/OWNER/REPO/issues/N or "
        "https://gitlab.com/GROUP/PROJECT/-/issues/N"
    )
