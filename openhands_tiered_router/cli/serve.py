"""``tiered-router serve``: the router for everything that speaks HTTP."""

from __future__ import annotations

import http.client
import json
import os
import secrets
import sys
import threading
import time
import urllib.error
import urllib.request
from typing import Final

import click

from openhands_tiered_router.cli.here import config_option
from openhands_tiered_router.config import ConfigError, RouterConfig, find_config
from openhands_tiered_router.gateway.settings import ANY_MODEL, KEY, WORKSPACES


EXIT_USAGE: Final = 2
LOOPBACK: Final = "127.0.0.1"
_LOCAL: Final = frozenset({LOOPBACK, "localhost", "::1"})
_DATABASE: Final = "DATABASE_URL"
_EVERY: Final = 0.2
"""Seconds between looks whether it answers."""
_MIN_KEY: Final = 16
"""Characters of a key that guards more than this machine."""


@click.command(
    epilog=f"""\b
Clients take the model complexity-router, or complexity-router/simple to
complexity-router/reasoning for one tier:
  LLM_MODEL=openai/complexity-router   LLM_BASE_URL=http://127.0.0.1:4100/v1
  LLM_API_KEY=<the key>
\b
Examples:
  tiered-router serve
  {KEY}=... tiered-router serve --port 4200
"""
)
@config_option
@click.option("--host", default=LOOPBACK, show_default=True, help="Address to bind.")
@click.option("--port", default=4100, show_default=True, type=click.IntRange(1, 65535))
@click.option(
    "--allow-remote",
    is_flag=True,
    help=f"Bind an address beyond this machine; {KEY} must hold the key.",
)
@click.option(
    "--no-key", is_flag=True, help="Serve programs of this machine without a key."
)
@click.option(
    "--litellm-keys",
    is_flag=True,
    help="LiteLLM checks keys: its virtual keys, with DATABASE_URL, beside ours.",
)
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 64))
@click.option(
    "--any-model", is_flag=True, help="Route calls for every model name, not ours only."
)
@click.option(
    "--workspaces",
    help="Directory below which clients' workspaces may be read for the code graph; "
    "everywhere on a loopback address, nowhere else.",
)
@click.option("--json", "as_json", is_flag=True, help="Say where it listens as JSON.")
def command(
    config: str | None,
    host: str,
    port: int,
    allow_remote: bool,
    no_key: bool,
    litellm_keys: bool,
    workers: int,
    any_model: bool,
    workspaces: str | None,
    as_json: bool,
) -> None:
    """Serve the router over HTTP: OpenAI's chat and responses, Anthropic's messages.

    It is the LiteLLM proxy (the extra "gateway") with the router in it.
    """
    from openhands_tiered_router.gateway import server
    from openhands_tiered_router.gateway.proxy_config import proxy_config

    try:
        source = find_config(config)
        loaded = source.load()
        proxy = proxy_config(loaded, os.environ, litellm_keys=litellm_keys)
    except ConfigError as error:
        click.echo(str(error), err=True)
        sys.exit(EXIT_USAGE)
    _check_database(litellm_keys=litellm_keys, no_key=no_key)
    local = host in _LOCAL
    key = _key(
        local=local,
        allow_remote=allow_remote,
        no_key=no_key,
        others=litellm_keys or _has_keys(loaded),
    )
    if _answers(_alive(host, port)):
        raise click.UsageError(f"port {port} is in use; take another one with --port")
    os.environ.update(
        _hook_variables(any_model, workspaces or ("/" if local else None))
    )
    try:
        server.check_installed(database=litellm_keys)
    except server.GatewayMissing as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(EXIT_USAGE)
    if not as_json:
        click.echo("Starting; LiteLLM takes some seconds.", err=True)
    _announce_once_ready(host, port, key, as_json=as_json)
    binding = server.Binding(host=host, port=port, workers=workers)
    server.serve(source, proxy, key, binding)


def _key(*, local: bool, allow_remote: bool, no_key: bool, others: bool) -> str | None:
    """The operator's key; made up if none is set, for this run alone.

    Args:
        local: Whether only this machine can connect.
        allow_remote: Whether others may.
        no_key: Whether none is wanted.
        others: Whether clients have keys of their own.
    """
    if not local and not allow_remote:
        raise click.UsageError(
            "--host is not a loopback address: others could spend your money; "
            f"add --allow-remote, and set {KEY} or make keys: tiered-router keys add"
        )
    if no_key:
        if not local:
            raise click.UsageError("--no-key is for loopback addresses only")
        return None
    key = os.environ.get(KEY, "").strip()
    if not key and not local and not others:
        raise click.UsageError(
            f"--allow-remote needs a key: set {KEY}, or make keys for clients with "
            "tiered-router keys add"
        )
    if key and not local and len(key) < _MIN_KEY:
        raise click.UsageError(
            f"the key in {KEY} is short; take {_MIN_KEY} characters or more"
        )
    return key or f"sk-{secrets.token_urlsafe(24)}"


def _has_keys(config: RouterConfig) -> bool:
    from openhands_tiered_router.calls.state.stores import durable_store_for
    from openhands_tiered_router.config.settings import settings_of
    from openhands_tiered_router.gateway.clients import Clients, KeyProblem

    try:
        return bool(Clients(durable_store_for(settings_of(config).state)).all())
    except KeyProblem:
        return False


def _check_database(*, litellm_keys: bool, no_key: bool) -> None:
    if not litellm_keys:
        # LiteLLM would open it, whatever it is there for.
        os.environ.pop(_DATABASE, None)
        return
    if no_key:
        raise click.UsageError("--litellm-keys and --no-key exclude each other")
    if not os.environ.get(_DATABASE):
        raise click.UsageError(
            f"--litellm-keys needs a PostgreSQL database in {_DATABASE}"
        )


def _hook_variables(any_model: bool, workspaces: str | None) -> dict[str, str]:
    found = {ANY_MODEL: "1" if any_model else None, WORKSPACES: workspaces}
    return {name: value for name, value in found.items() if value}


def _announce_once_ready(
    host: str, port: int, key: str | None, *, as_json: bool
) -> None:
    """Says where it listens when it answers there; returns at once."""

    def wait() -> None:
        while not _answers(_alive(host, port)):
            time.sleep(_EVERY)
        _announce(f"http://{host}:{port}", key, as_json=as_json)

    threading.Thread(target=wait, daemon=True).start()


def _alive(host: str, port: int) -> str:
    """LiteLLM's address for asking whether it answers; needs no key."""
    here = LOOPBACK if host in ("0.0.0.0", "::") else host
    near = f"[{here}]" if ":" in here else here
    return f"http://{near}:{port}/health/liveliness"


def _answers(url: str) -> bool:
    # No proxy: it is on this machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=_EVERY * 10):
            return True
    except urllib.error.HTTPError:
        return True
    except (OSError, http.client.HTTPException):
        return False


def _announce(address: str, key: str | None, *, as_json: bool) -> None:
    made_up = key is not None and key != os.environ.get(KEY, "").strip()
    if as_json:
        facts = {"address": address, "key": key if made_up else None}
        click.echo(json.dumps(facts))
        return
    click.echo(f"Listening on {address}; stop with Ctrl-C.", err=True)
    if made_up:
        click.echo(f"Key, for this run: {key}", err=True)
