"""GitHub and GitLab: issues, who may steer, and pull or merge requests."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote, urlsplit

from openhands_tiered_router.config.keys import is_local
from openhands_tiered_router.resolver.errors import UsageProblem
from openhands_tiered_router.resolver.http import Api, ForgeError
from openhands_tiered_router.resolver.issue import Issue, Kind, Place


GITHUB_TOKENS: Final = ("GITHUB_TOKEN", "GH_TOKEN")
GITLAB_TOKENS: Final = ("GITLAB_TOKEN",)


@dataclass(frozen=True, slots=True)
class Proposal:
    """A pull or merge request that is asked for."""

    branch: str
    title: str
    body: str


@dataclass(frozen=True, slots=True)
class _Issues:
    """An issue, the API that it is at, and the token for both."""

    place: Place
    api: Api
    token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class GitHub(_Issues):
    """An issue on GitHub, or on a GitHub Enterprise Server."""

    @property
    def _repo(self) -> str:
        return f"/repos/{self.place.project}"

    def issue(self) -> Issue:
        match self.api.get(f"{self._repo}/issues/{self.place.number}"):
            case {"pull_request": _}:
                raise UsageProblem(f"{self.place.name} is a pull request, no issue")
            case {"title": str(title), "labels": list(labels), "user": user, **rest}:
                return Issue(
                    title=title,
                    body=str(rest.get("body") or ""),
                    author=_login(user, "login"),
                    labels=tuple(_login(label, "name") for label in labels),
                )
        raise ForgeError(f"{self.place.name}: the answer is no issue")

    def label_setters(self) -> dict[str, str]:
        """Who set each label last, by its name."""
        setters: dict[str, str] = {}
        events = f"{self._repo}/issues/{self.place.number}/events"
        for event in self.api.pages(events):
            match event:
                case {"event": "labeled", "label": {"name": str(name)}}:
                    setters[name] = _login(event.get("actor"), "login")
        return setters

    def may_steer(self, login: str) -> bool:
        """Whether that account may change the project's issues, or more."""
        path = f"{self._repo}/collaborators/{quote(login, safe='')}/permission"
        try:
            found = self.api.get(path)
        except ForgeError as error:
            if error.status in (403, 404):
                return False
            raise
        role = found.get("role_name") or found.get("permission")
        return role in ("admin", "maintain", "write", "triage")

    def propose(self, proposal: Proposal) -> str:
        """Opens the request, or brings the open one up to date; its address."""
        owner = self.place.project.partition("/")[0]
        head = {"head": f"{owner}:{proposal.branch}", "state": "open"}
        text = {"title": proposal.title, "body": proposal.body}
        for found in self.api.pages(f"{self._repo}/pulls", **head):
            number = found["number"]
            changed = self.api.send("PATCH", f"{self._repo}/pulls/{number}", text)
            return str(changed["html_url"])
        base = self.api.get(self._repo)["default_branch"]
        asked = {**text, "head": proposal.branch, "base": base}
        return str(self.api.send("POST", f"{self._repo}/pulls", asked)["html_url"])

    def push_settings(self) -> dict[str, str]:
        """Git's settings for one push or clone with the token."""
        return _authorization(self.place.origin, "x-access-token", self.token)


@dataclass(frozen=True, slots=True)
class GitLab(_Issues):
    """An issue on GitLab, gitlab.com or elsewhere."""

    @property
    def _project(self) -> str:
        return f"/projects/{quote(self.place.project, safe='')}"

    def issue(self) -> Issue:
        match self.api.get(f"{self._project}/issues/{self.place.number}"):
            case {
                "title": str(title),
                "labels": list(labels),
                "author": author,
                **rest,
            }:
                return Issue(
                    title=title,
                    body=str(rest.get("description") or ""),
                    author=_login(author, "username"),
                    labels=tuple(map(str, labels)),
                )
        raise ForgeError(f"{self.place.name}: the answer is no issue")

    def label_setters(self) -> dict[str, str]:
        setters: dict[str, str] = {}
        issue = f"{self._project}/issues/{self.place.number}"
        for event in self.api.pages(f"{issue}/resource_label_events"):
            match event:
                case {"action": "add", "label": {"name": str(name)}}:
                    setters[name] = _login(event.get("user"), "username")
        return setters

    def may_steer(self, login: str) -> bool:
        members = self.api.pages(f"{self._project}/members/all", query=login)
        # Developer and above; the search finds parts of names too.
        return any(
            member.get("username") == login and member.get("access_level", 0) >= 30
            for member in members
        )

    def propose(self, proposal: Proposal) -> str:
        requests = f"{self._project}/merge_requests"
        text = {"title": proposal.title, "description": proposal.body}
        query = {"source_branch": proposal.branch, "state": "opened"}
        for found in self.api.pages(requests, **query):
            changed = self.api.send("PUT", f"{requests}/{found['iid']}", text)
            return str(changed["web_url"])
        base = self.api.get(self._project)["default_branch"]
        asked = {**text, "source_branch": proposal.branch, "target_branch": base}
        return str(self.api.send("POST", requests, asked)["web_url"])

    def push_settings(self) -> dict[str, str]:
        return _authorization(self.place.origin, "oauth2", self.token)


type Forge = GitHub | GitLab


def forge_of(place: Place, environ: Mapping[str, str]) -> Forge:
    """The forge of an issue, with the token that belongs to its host, if any.

    A token goes to no other host than the one that it is for: ``GITHUB_TOKEN`` to
    ``GITHUB_SERVER_URL`` or else github.com, ``GITLAB_TOKEN`` to ``CI_SERVER_URL`` or
    else gitlab.com; and over plain HTTP to this machine alone.

    Raises:
        UsageProblem: The host is asked for without encryption.
    """
    if place.origin.startswith("http://") and not is_local(place.origin):
        raise UsageProblem(f"{place.origin} is not encrypted; write https://")
    if place.kind is Kind.GITHUB:
        own = environ.get("GITHUB_SERVER_URL") or "https://github.com"
        token = _token(environ, GITHUB_TOKENS) if _is(place, own) else ""
        api = Api(
            _github_api(place, environ, own),
            {
                "Accept": "application/vnd.github+json",
                "X-GitHub-Api-Version": "2022-11-28",
                **({"Authorization": f"Bearer {token}"} if token else {}),
            },
            GITHUB_TOKENS[0],
            bool(token),
        )
        return GitHub(place, api, token)
    own = environ.get("CI_SERVER_URL") or "https://gitlab.com"
    token = _token(environ, GITLAB_TOKENS) if _is(place, own) else ""
    # Not as PRIVATE-TOKEN, which would go along where another host is redirected to.
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    base = f"{place.origin}/api/v4"
    return GitLab(place, Api(base, headers, GITLAB_TOKENS[0], bool(token)), token)


def _github_api(place: Place, environ: Mapping[str, str], own: str) -> str:
    if place.origin == "https://github.com":
        return "https://api.github.com"
    if _is(place, own) and environ.get("GITHUB_API_URL"):
        return environ["GITHUB_API_URL"].rstrip("/")
    return f"{place.origin}/api/v3"


def _is(place: Place, own: str) -> bool:
    return place.origin == own.rstrip("/")


def _token(environ: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((environ[n].strip() for n in names if environ.get(n)), "")


def _authorization(origin: str, user: str, token: str) -> dict[str, str]:
    if not token or not urlsplit(origin).hostname:
        return {}
    value = base64.b64encode(f"{user}:{token}".encode()).decode()
    return {f"http.{origin}/.extraHeader": f"Authorization: Basic {value}"}


def _login(value: Any, name: str) -> str:
    """A name in an answer; "" where it is another thing, such as a deleted account."""
    found = value.get(name) if isinstance(value, dict) else value
    return found if isinstance(found, str) else ""
