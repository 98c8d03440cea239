"""What can be checked of a configuration in a second: keys, network, local servers.

Without the SDK, whose import takes seconds.
"""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
import urllib.error
import urllib.request
from collections import defaultdict
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from openhands_tiered_router.config.errors import ConfigError, Problem
from openhands_tiered_router.config.keys import key_for, provider_of
from openhands_tiered_router.config.resolve import resolve_targets
from openhands_tiered_router.config.schema import RouterConfig
from openhands_tiered_router.policy.economics.price_book import default_price_book


SECONDS: Final = 5.0
"""For all hosts together: a network that is up opens a connection in far less."""
_LOCAL_SECONDS: Final = 0.5
HOSTS: Final[Mapping[str, str]] = {
    "anthropic": "https://api.anthropic.com",
    "deepseek": "https://api.deepseek.com",
    "gemini": "https://generativelanguage.googleapis.com",
    "groq": "https://api.groq.com",
    "mistral": "https://api.mistral.ai",
    "openai": "https://api.openai.com",
    "openrouter": "https://openrouter.ai",
    "xai": "https://api.x.ai",
}
"""Where litellm calls providers; the others are not looked at."""
_LISTS: Final[Mapping[str, str]] = {
    "anthropic": "/v1/models",
    "deepseek": "/models",
    "groq": "/openai/v1/models",
    "mistral": "/v1/models",
    "openai": "/v1/models",
    "openrouter": "/api/v1/key",
}
"""What costs nothing there and answers 401 to a wrong key."""
_LIKE_OPENAI: Final = frozenset(
    {"deepseek", "groq", "hosted_vllm", "litellm_proxy", "lm_studio", "mistral"}
    | {"openai", "openrouter", "xai"}
)
"""Providers whose API litellm calls in OpenAI's form below a ``base_url``."""
_PROXIES: Final = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")


@dataclass(frozen=True, slots=True)
class LocalServer:
    """A model server that answers on this machine."""

    name: str
    base_url: str
    """For the configuration."""
    prefix: str
    """litellm's provider."""
    models: tuple[str, ...]


_SERVERS: Final = (
    ("Ollama", "http://localhost:11434", "/api/tags", "ollama_chat"),
    ("LM Studio", "http://localhost:1234/v1", "/models", "lm_studio"),
    ("vLLM", "http://localhost:8000/v1", "/models", "hosted_vllm"),
)
"""Name, usual address, path that lists models, litellm's provider."""


def check_keys(config: RouterConfig, environ: Mapping[str, str]) -> None:
    """Each missing variable once, with the endpoints that need it.

    Raises:
        ConfigError: A key is missing, or a profile cannot be read.
    """
    book, targets = default_price_book(), resolve_targets(config, environ)
    missing: dict[str, list[str]] = defaultdict(list)
    for key, endpoint in config.endpoints().items():
        found = key_for(endpoint, targets[key], environ, book)
        if found.missing and found.variable:
            missing[found.variable].append(key)
    if missing:
        raise ConfigError(
            Problem(
                source=config.source,
                path=", ".join(keys),
                message=f"the environment variable {variable} is not set",
                remedy=f"Set {variable}, or name another variable in api_key_env",
            )
            for variable, keys in missing.items()
        )


def check_network(config: RouterConfig, environ: Mapping[str, str]) -> None:
    """Asks each provider whether it can be reached and takes the key; one is enough.

    Raises:
        ConfigError: None does. Behind a proxy nothing is tried.
    """
    if any(environ.get(name) for name in _PROXIES):
        return
    book, targets = default_price_book(), resolve_targets(config, environ)
    doors: set[_Door] = set()
    for name, target in targets.items():
        provider = provider_of(target.model, book) or ""
        address = target.base_url or _redirected(provider, environ)
        if address is None and provider not in HOSTS:
            return
        key = key_for(config.endpoints()[name], target, environ, book)
        asks = _asks(provider, address) if not target.llm.get("extra_headers") else ()
        doors.add(
            _Door(address or HOSTS[provider], provider, asks, key.value, key.variable)
        )
    faults = _faults(doors)
    if len(faults) == len(doors):
        raise ConfigError(sorted(faults.values(), key=str))


@dataclass(frozen=True, slots=True)
class _Door:
    """Where a provider is called, and with which key."""

    address: str
    provider: str
    asks: tuple[str, ...]
    """Addresses that all answer 401 to a wrong key: the first to a GET, the next to
    an empty POST. None: only whether it can be reached is looked at."""
    key: str | None = field(default=None, repr=False)
    variable: str | None = None

    def refused(self) -> Problem | None:
        """That the key is wrong; ``None``: it seems right, or nothing can be said."""
        bodies = (None, b"{}")
        if not self.asks or not self.key:
            return None
        if not all(map(self._rejects, self.asks, bodies)):
            return None
        place = self.variable or "api_key"
        return Problem(
            source=place,
            message=f"{self.address} rejects the key",
            remedy=f"Put a valid key of {self.provider} into {place}"
            if self.address in HOSTS.values()
            else f"Put the key for that address into {place}",
        )

    def closed(self, fault: str) -> Problem:
        return Problem(
            source="network",
            message=f"{self.address} cannot be reached: {fault}",
            remedy="Check the network, a proxy in HTTPS_PROXY, and base_url",
        )

    def _rejects(self, address: str, body: bytes | None) -> bool:
        headers = {"Authorization": f"Bearer {self.key}"}
        if self.provider == "anthropic":
            headers = {"x-api-key": self.key or "", "anthropic-version": "2023-06-01"}
        headers["Content-Type"] = "application/json"
        try:
            request = urllib.request.Request(address, body, headers)  # noqa: S310
            opener = urllib.request.build_opener(_Staying)
            opener.open(request, timeout=SECONDS).close()
        except urllib.error.HTTPError as error:
            return error.code == http.client.UNAUTHORIZED
        except (OSError, ValueError, http.client.HTTPException):
            pass
        return False


class _Staying(urllib.request.HTTPRedirectHandler):
    """Takes no key to where a redirection points."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def _asks(provider: str, base_url: str | None) -> tuple[str, ...]:
    """Where a key can be tried without cost.

    At an address of the user's, a list of models may want more than calls do: there,
    the address of the calls itself must reject the key as well.
    """
    if base_url is None:
        return (HOSTS[provider] + _LISTS[provider],) if provider in _LISTS else ()
    base = base_url.rstrip("/")
    if provider == "anthropic":
        return (f"{base}/v1/models", f"{base}/v1/messages")
    if provider in _LIKE_OPENAI:
        return (f"{base}/models", f"{base}/chat/completions")
    return ()


def _redirected(provider: str, environ: Mapping[str, str]) -> str | None:
    """Where litellm calls a provider instead, by variables that it reads itself."""
    prefix = provider.upper()
    names = (f"{prefix}_API_BASE", f"{prefix}_BASE_URL")
    return next((environ[name] for name in names if environ.get(name)), None)


def _faults(doors: Iterable[_Door]) -> dict[_Door, Problem]:
    """Those where nothing can be had, in ``SECONDS`` at most."""
    found = {door: door.closed(f"no answer in {SECONDS:.0f} s") for door in doors}

    def look(door: _Door) -> None:
        if fault := fault_of(door.address):
            found[door] = door.closed(fault)
            return
        found.pop(door)  # a slow answer about the key is no reason to stop
        if problem := door.refused():
            found[door] = problem

    # Daemons: a name that does not resolve may take longer, and nobody waits for it.
    threads = [
        threading.Thread(target=look, args=(door,), daemon=True) for door in found
    ]
    for thread in threads:
        thread.start()
    ends = time.monotonic() + SECONDS
    for thread in threads:
        thread.join(max(0.0, ends - time.monotonic()))
    return dict(found)


def fault_of(address: str) -> str | None:
    """Why no connection can be opened; ``None``: one can."""
    parts = urlsplit(address)
    port = parts.port or (80 if parts.scheme == "http" else 443)
    try:
        socket.create_connection((parts.hostname or "", port), SECONDS).close()
    except OSError as error:
        return error.strerror or type(error).__name__
    return None


def local_servers() -> list[LocalServer]:
    """The model servers that answer on their usual ports of this machine."""
    with ThreadPoolExecutor() as pool:
        found = pool.map(lambda row: _local_server(*row), _SERVERS)
        return [server for server in found if server is not None]


def _local_server(
    name: str, base_url: str, path: str, prefix: str
) -> LocalServer | None:
    # No proxy: it is on this machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(base_url + path, timeout=_LOCAL_SECONDS) as answer:
            models = _names(json.loads(answer.read(1_000_000)))
    except (OSError, ValueError):
        return None
    return LocalServer(name, base_url, prefix, models) if models else None


def _names(answer: Any) -> tuple[str, ...]:
    rows = (
        answer.get("models") or answer.get("data") if isinstance(answer, dict) else ()
    )
    names = (row.get("name") or row.get("id") for row in rows or () if row)
    return tuple(name for name in names if isinstance(name, str))
