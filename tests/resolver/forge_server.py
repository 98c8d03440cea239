"""A forge on this machine that answers as GitHub and GitLab do."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from openhands_tiered_router.resolver.forges import forge_of
from openhands_tiered_router.resolver.issue import Kind, Place
from tests.resolver import git_http


TOKEN = "token-that-nobody-may-see"
PER_PAGE = 2


@dataclass
class Answer:
    """A refusal to give instead of the next answer."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass
class ForgeServer:
    """Answers as GitHub and GitLab document it, for one project ``o/r``."""

    origin: str = ""
    issue: dict[str, Any] = field(default_factory=dict)
    setters: list[tuple[str, str]] = field(default_factory=list)
    """Label and account, in the order in which they were set."""
    roles: dict[str, str] = field(default_factory=dict)
    """Permission by account; on GitLab 30 is a developer."""
    requests: list[dict[str, Any]] = field(default_factory=list)
    """Open pull or merge requests."""
    refusals: list[Answer] = field(default_factory=list)
    repositories: Path | None = None
    """Directory of the repositories that it serves to those who have the token."""
    user: str = "x-access-token"
    """Whose password the token is, for git."""
    seen: list[tuple[str, str, str]] = field(default_factory=list)
    """Method, path with query, and credentials of each call."""

    def place(self, kind: Kind = Kind.GITHUB) -> Place:
        return Place(kind, self.origin, "o/r", 7)

    def environ(self, token: str = TOKEN) -> dict[str, str]:
        return {
            "GITHUB_SERVER_URL": self.origin,
            "GITHUB_API_URL": self.origin,
            "CI_SERVER_URL": self.origin,
            "GITHUB_TOKEN": token,
            "GITLAB_TOKEN": token,
        }

    def forge(self, kind: Kind = Kind.GITHUB, **environ: str) -> Any:
        return forge_of(self.place(kind), {**self.environ(), **environ})

    def refuse(
        self, status: int, *, times: int = 1, body: bytes = b"{}", **headers: str
    ) -> None:
        """Answer the next calls so, instead of as asked."""
        made = {name.replace("_", "-"): value for name, value in headers.items()}
        self.refusals += [Answer(status, made, body)] * times

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        if path.startswith("/api/v4/projects/o/r"):
            return self._gitlab(method, path.removeprefix("/api/v4/projects/o/r"), body)
        if path.startswith("/repos/o/r"):
            return self._github(method, path.removeprefix("/repos/o/r"), body)
        if path.startswith("/thief.git"):
            return 401, {}  # a repository that asks for a password
        return 404, {"message": "Not Found"}

    def _github(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        if path == "":
            return 200, {"default_branch": "trunk"}
        if path == "/issues/7":
            return 200, self.issue
        if path == "/issues/7/events":
            return 200, [
                {"event": "labeled", "label": {"name": n}, "actor": {"login": who}}
                for n, who in self.setters
            ]
        if path.startswith("/collaborators/"):
            role = self.roles.get(path.split("/")[2])
            return (200, {"role_name": role}) if role else (404, {"message": "No"})
        return self._requests(method, path, "/pulls", body, "number", "html_url")

    def _gitlab(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        if path == "":
            return 200, {"default_branch": "trunk"}
        if path == "/issues/7":
            return 200, self.issue
        if path == "/issues/7/resource_label_events":
            return 200, [
                {"action": "add", "label": {"name": n}, "user": {"username": who}}
                for n, who in self.setters
            ]
        if path == "/members/all":
            return 200, [
                {"username": who, "access_level": int(role)}
                for who, role in self.roles.items()
            ]
        return self._requests(method, path, "/merge_requests", body, "iid", "web_url")

    def _requests(
        self, method: str, path: str, at: str, body: Any, number: str, url: str
    ) -> tuple[int, Any]:
        if path == at and method == "GET":
            return 200, self.requests
        if path == at and method == "POST":
            if self.requests:
                return 422, {
                    "message": "Validation Failed",
                    "errors": [{"message": "A pull request already exists"}],
                }
            made = {**body, number: 1, url: f"{self.origin}/o/r{at}/1"}
            self.requests.append(made)
            return 201, made
        if path == f"{at}/1" and method in ("PATCH", "PUT"):
            self.requests[0].update(body)
            return 200, self.requests[0]
        return 404, {"message": "Not Found"}


class _Handler(BaseHTTPRequestHandler):
    """Answers for the forge whose tests run; a subclass names it."""

    forge: ForgeServer

    def _serve(self) -> None:
        length = int(self.headers.get("content-length", 0))
        given = self.rfile.read(length)
        address = urlsplit(self.path)
        key = self.headers.get("authorization") or self.headers.get("private-token")
        self.forge.seen.append((self.command, self.path, key or ""))
        if self.forge.refusals:
            refusal = self.forge.refusals.pop(0)
            self._send(refusal.status, refusal.headers, refusal.body)
            return
        if self.forge.repositories and address.path.startswith("/o/r.git"):
            self._git(self.forge.repositories, key or "", given)
            return
        body = json.loads(given) if given else None
        status, found = self.forge.answer(self.command, unquote(address.path), body)
        headers = {"WWW-Authenticate": "Basic"} if status == 401 else {}
        if isinstance(found, list):
            found, headers = self._page(found, address.path, address.query)
        self._send(status, headers, json.dumps(found).encode())

    def _git(self, root: Path, key: str, given: bytes) -> None:
        if key != git_http.authorization(self.forge.user, TOKEN):
            self._send(401, {"WWW-Authenticate": "Basic"}, b"")
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        found = git_http.answer(root, self.command, self.path, headers, given)
        self._send(*found)

    def _page(self, found: list[Any], path: str, query: str) -> tuple[Any, Any]:
        page = int(parse_qs(query).get("page", ["1"])[0])
        start = (page - 1) * PER_PAGE
        if start + PER_PAGE >= len(found):
            return found[start:], {}
        link = f'<{self.forge.origin}{path}?page={page + 1}>; rel="next"'
        return found[start : start + PER_PAGE], {"Link": link}

    def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PATCH = do_PUT = _serve

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def serving() -> Iterator[ForgeServer]:
    """A server for one test."""
    forge = ForgeServer()

    handler = type("Handler", (_Handler,), {"forge": forge})
    listening = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    listening.daemon_threads = True
    forge.origin = f"http://127.0.0.1:{listening.server_port}"
    forge.issue = {
        "title": "It breaks",
        "body": "Badly.",
        "description": "Badly.",
        "labels": [],
        "user": {"login": "stranger"},
        "author": {"username": "stranger"},
    }
    serve = partial(listening.serve_forever, poll_interval=0.01)
    threading.Thread(target=serve, daemon=True).start()
    yield forge
    listening.shutdown()
    listening.server_close()
