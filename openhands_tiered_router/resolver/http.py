"""HTTP to a forge's API: retried, within its rate limits, and with an end."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from openhands_tiered_router.resolver.errors import ResolveError


MAX_BYTES: Final = 10_000_000
"""Of one answer: a page of a hundred issues with long texts stays below it."""
MAX_PAGES: Final = 30
ATTEMPTS: Final = 4
SECONDS: Final = 30.0
"""For a connection, and for each piece of an answer."""
MAX_WAIT: Final = 120.0
"""Longest wait that a server may ask for: GitHub tells to wait at least a minute
after its secondary limit; an hourly limit is not waited for."""

_RATE_LIMITED: Final = (403, 429)
_LOST: Final = (500, 502, 503, 504)


class ForgeError(ResolveError):
    """A forge refused, or cannot be reached."""

    def __init__(self, text: str, status: int | None = None) -> None:
        super().__init__(text)
        self.status = status


class _TryAgain(Exception):
    def __init__(self, error: ForgeError, wait: float | None) -> None:
        super().__init__()
        self.error = error
        self.wait = wait
        """Seconds that the server asks for; ``None``: it does not say."""


@dataclass(frozen=True, slots=True)
class Api:
    """One forge's API, with its credentials."""

    base: str
    """Address that paths are added to."""
    headers: Mapping[str, str] = field(repr=False)
    token_variable: str
    """Where its token is taken from, for messages."""
    has_token: bool = False
    sleep: Callable[[float], None] = time.sleep
    client: httpx.Client = field(
        default_factory=lambda: httpx.Client(timeout=SECONDS, follow_redirects=True),
        repr=False,
    )

    def get(self, path: str, **query: str | int) -> Any:
        return self._send("GET", self.base + path, params=query)[0]

    def send(self, method: str, path: str, body: Mapping[str, Any]) -> Any:
        return self._send(method, self.base + path, json=body)[0]

    def pages(self, path: str, **query: str | int) -> Iterator[Any]:
        """Every item of a list that is given out in pages.

        Raises:
            ForgeError: It has more pages than can be read, or is no list.
        """
        address: str | None = self.base + path
        options: dict[str, Any] = {"params": {"per_page": 100, **query}}
        for _ in range(MAX_PAGES):
            page, links = self._send("GET", address, **options)
            if not isinstance(page, list):
                raise ForgeError(f"{path}: the answer is no list; check the address")
            yield from page
            address, options = links.get("next", {}).get("url"), {}
            if not address:
                return
            if not _same_origin(address, self.base):
                raise ForgeError(f"{path}: the next page is on another host")
        raise ForgeError(f"{path}: more than {MAX_PAGES} pages")

    def _send(self, method: str, address: str, **options: Any) -> tuple[Any, Any]:
        for attempt in range(1, ATTEMPTS):
            try:
                return self._attempt(method, address, **options)
            except _TryAgain as again:
                # Jitter, so that jobs that were stopped together do not come back so.
                self.sleep((again.wait or 2.0**attempt / 2) + random.random())
        try:
            return self._attempt(method, address, **options)
        except _TryAgain as last:
            raise last.error from None

    def _attempt(self, method: str, address: str, **options: Any) -> tuple[Any, Any]:
        try:
            with self.client.stream(
                method, address, headers=dict(self.headers), **options
            ) as response:
                content = _limited(response)
        except httpx.TransportError as error:
            name = type(error).__name__
            failed = ForgeError(f"{_host(address)} cannot be reached: {name}")
            raise _TryAgain(failed, None) from None
        except httpx.HTTPError as error:
            name = type(error).__name__
            raise ForgeError(f"{_host(address)} cannot be used: {name}") from None
        self._check(response, content)
        try:
            return json.loads(content or b"null"), response.links
        except ValueError:
            raise ForgeError(
                f"{_host(address)} does not answer with JSON; check the "
                "address of the API"
            ) from None

    def _check(self, response: httpx.Response, content: bytes) -> None:
        status, path = response.status_code, response.url.path
        if response.is_success:
            return
        said = _message(content)
        error = ForgeError(f"{path}: {status} {said}. {self._remedy(status)}", status)
        if (
            status in _RATE_LIMITED
            and (wait := _asked_wait(response, said)) is not None
        ):
            text = f"{path}: rate limit; try again in {wait:.0f} s"
            limited = ForgeError(text, status)
            if wait > MAX_WAIT:
                raise limited
            raise _TryAgain(limited, wait)
        if status in _LOST:
            raise _TryAgain(error, None)
        raise error

    def _remedy(self, status: int) -> str:
        name = self.token_variable
        if status == 401:
            return f"Set {name} to a valid token"
        if status in (403, 404):
            if not self.has_token:
                return f"Check the name; if it is private, set {name}"
            return f"Check the name, and what the token in {name} may do"
        return "Try again later" if status >= 500 else "Check what was asked for"


def _limited(response: httpx.Response) -> bytes:
    content = bytearray()
    for chunk in response.iter_bytes():
        content += chunk
        if len(content) > MAX_BYTES:
            raise ForgeError(f"{response.url.path}: the answer is too big")
    return bytes(content)


def _asked_wait(response: httpx.Response, said: str) -> float | None:
    """Seconds to wait for a rate limit; ``None``: it is another refusal."""
    headers = response.headers
    after = headers.get("retry-after", "")
    if after.isdigit():
        return float(after)
    if headers.get("x-ratelimit-remaining") == "0":
        until = headers.get("x-ratelimit-reset", "")
        return max(float(until) - time.time(), 1.0) if until.isdigit() else 60.0
    limited = response.status_code == 429 or "rate limit" in said.lower()
    return 60.0 if limited else None  # what GitHub asks for where it says nothing


def _message(content: bytes) -> str:
    """The server's own words, short."""
    try:
        found = json.loads(content)
    except ValueError:
        return ""
    if not isinstance(found, dict):
        return ""
    said = found.get("message") or found.get("error") or ""
    errors = found.get("errors", [])
    details = [each.get("message", "") for each in errors if isinstance(each, dict)]
    text = " ".join([str(said), *map(str, details)])
    return "".join(c if c.isprintable() else " " for c in text)[:200].strip()


def _host(address: str) -> str:
    return httpx.URL(address).host


def _same_origin(one: str, other: str) -> bool:
    left, right = httpx.URL(one), httpx.URL(other)
    return (left.scheme, left.host, left.port) == (right.scheme, right.host, right.port)
