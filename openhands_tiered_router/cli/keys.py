"""``tiered-router keys``: keys of their own for clients of the gateway."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import click

from openhands_tiered_router.cli.here import Failure, config_option


if TYPE_CHECKING:
    from openhands_tiered_router.calls.state.store import StateStore
    from openhands_tiered_router.gateway.clients import Client, Clients

_EPILOG: Final = """\b
Examples:
  tiered-router keys add alice --usd-day 5
  tiered-router keys limit alice --usd-day 10 --usd 200
  tiered-router keys list
  tiered-router keys revoke alice

\b
Exit code:  0  done
            2  there is no such key, or the state cannot be used
"""

_json = click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
_usd = click.option(
    "--usd", type=click.FloatRange(0, 1e6), help="Limit on all it ever spends, USD."
)
_usd_day = click.option(
    "--usd-day", type=click.FloatRange(0, 1e6), help="Limit a day (UTC), USD."
)


@click.group(name="keys", epilog=_EPILOG)
def command() -> None:
    """Give clients of the gateway keys of their own, with limits.

    A client's sessions are apart from all others, and the budgets of the configuration
    count its spending too. Keys are kept, hashed, in the state that [state] names.
    """


@command.command()
@click.argument("name")
@_usd
@_usd_day
@config_option
@_json
def add(
    name: str,
    usd: float | None,
    usd_day: float | None,
    config: str | None,
    as_json: bool,
) -> None:
    """Make a key and print it. It is shown once."""
    from openhands_tiered_router.gateway.clients import Client

    with _opened(config) as (clients, _):
        client = Client(name=name, created=time.time(), usd=usd, usd_day=usd_day)
        key = clients.add(client)
    if as_json:
        click.echo(json.dumps({"name": name, "key": key}))
        return
    click.echo(key)
    click.echo(f"Shown once. {name} spends {_limits(client)}.", err=True)


@command.command("list")
@config_option
@_json
def list_(config: str | None, as_json: bool) -> None:
    """Show names, limits and what is spent of them; the keys are not known."""
    with _opened(config) as (clients, store):
        rows = [_row(client, store) for client in clients.all()]
    if as_json:
        click.echo(json.dumps(rows))
        return
    if not rows:
        click.echo("No keys. Make one with: tiered-router keys add NAME")
        return
    width = max(len(row["name"]) for row in rows)
    click.echo(f"{'name':{width}}  made        {'today, USD':>19}  {'ever, USD':>19}")
    for row in rows:
        made = time.strftime("%Y-%m-%d", time.gmtime(row["created"]))
        day, ever = _used(row["day"]), _used(row["ever"])
        click.echo(f"{row['name']:{width}}  {made}  {day:>19}  {ever:>19}")


@command.command()
@click.argument("name")
@_usd
@_usd_day
@click.option("--no-limits", is_flag=True, help="Take both limits away.")
@config_option
@_json
def limit(
    name: str,
    usd: float | None,
    usd_day: float | None,
    no_limits: bool,
    config: str | None,
    as_json: bool,
) -> None:
    """Set limits of a key; those that are not given stay."""
    given = {"usd": usd, "usd_day": usd_day}
    limits = {k: v for k, v in given.items() if v is not None or no_limits}
    if not limits:
        raise click.UsageError("give --usd, --usd-day or --no-limits")
    with _opened(config) as (clients, _):
        client = clients.limit(name, limits)
    if as_json:
        told = {"name": name, "usd": client.usd, "usd_day": client.usd_day}
        click.echo(json.dumps(told))
        return
    click.echo(f"{name} spends {_limits(client)}, within 2 s.", err=True)


@command.command()
@click.argument("name")
@config_option
@_json
def revoke(name: str, config: str | None, as_json: bool) -> None:
    """Take a key away. What it spent stays in the books."""
    with _opened(config) as (clients, _):
        clients.revoke(name)
    if as_json:
        click.echo(json.dumps({"name": name, "revoked": True}))
        return
    click.echo(f"{name}'s key is refused, within 2 s.", err=True)


@contextmanager
def _opened(config: str | None) -> Iterator[tuple[Clients, StateStore]]:
    """The table of keys, with every problem as an error of the command."""
    from openhands_tiered_router.calls.state.stores import durable_store_for
    from openhands_tiered_router.config import ConfigError, find_config
    from openhands_tiered_router.config.settings import settings_of
    from openhands_tiered_router.gateway.clients import Clients, KeyProblem

    try:
        settings = settings_of(find_config(config).load())
        store = durable_store_for(settings.state)
        yield Clients(store), store
    except (ConfigError, KeyProblem) as error:
        raise Failure(str(error)) from None


def _row(client: Client, store: StateStore) -> dict[str, Any]:
    from openhands_tiered_router.guards.budget.ledger import committed
    from openhands_tiered_router.guards.budget.limits import NANO, Scope

    now = time.time()
    spent: dict[str, Any] = {"day": None, "ever": None}
    for budget in client.budgets():
        key = budget.key(None, now)
        assert key is not None
        used = committed(store.read(key)).usd / NANO
        about = {"limit": budget.usd, "used": used}
        spent["day" if budget.scope is Scope.DAY else "ever"] = about
    return {"name": client.name, "created": client.created, **spent}


def _used(about: Mapping[str, float] | None) -> str:
    return "no limit" if about is None else f"{about['used']:.4f} of {about['limit']:g}"


def _limits(client: Client) -> str:
    ever = None if client.usd is None else f"up to ${client.usd:g}"
    day = None if client.usd_day is None else f"up to ${client.usd_day:g} a day (UTC)"
    return ", ".join(filter(None, (day, ever))) or "without a limit of its own"
