"""``tiered-router config``: show the configuration, or write it for other programs."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from openhands_tiered_router.cli.doctor import command as doctor


if TYPE_CHECKING:
    from openhands_tiered_router.cli.export.client import Client
    from openhands_tiered_router.config import RouterConfig

EXIT_USAGE: Final = 2
FORMS: Final = {
    "env": "llm.env",
    "headless": "config.toml",
    "resolver": "workflow-env.yml",
    "cli": "llm.env",
    "claude-code": "claude.env",
    "litellm": "litellm.yaml",
    "profiles": "",
}
"""Each form, and the name of its file."""
_PROFILE: Final = "tiered-router-{}.json"


@click.group(
    name="config",
    epilog="""\b
Examples:
  tiered-router config show --defaults
  tiered-router config export --for env
  tiered-router config export --for headless --output config.toml
  tiered-router config export --for profiles --output ~/.openhands/profiles
""",
)
def command() -> None:
    """Show the configuration, or write it in the form of other programs.

    A key is never printed or written: environment variables that hold them are named.
    """


command.add_command(doctor, name="check")

_config = click.option("--config", help="Configuration file; else looked for as usual.")


@command.command()
@_config
@click.option("--defaults", is_flag=True, help="Also what the file does not say.")
@click.option("--json", "as_json", is_flag=True, help="JSON instead of YAML.")
def show(config: str | None, defaults: bool, as_json: bool) -> None:
    """Print the configuration as it is understood, without its secrets.

    The output can be used as a file, but for what is hidden in it.
    """
    from openhands_tiered_router.cli.export.shown import shown_config

    shown = shown_config(_load(config), defaults=defaults)
    if as_json:
        click.echo(json.dumps(shown, indent=2, ensure_ascii=False))
        return
    import yaml

    text = yaml.safe_dump(shown, sort_keys=False, allow_unicode=True)
    click.echo(text, nl=False)


@command.command(
    epilog="""\b
Examples:
  tiered-router config export --for cli
  tiered-router config export --for headless --output config.toml
  tiered-router config export --for profiles --output ~/.openhands/profiles

\b
Exit code:  0  written
            2  no configuration that can be used, or a file is in the way
"""
)
@_config
@click.option(
    "--for",
    "form",
    type=click.Choice(tuple(FORMS)),
    required=True,
    metavar="FORM",
    help="The form, one of those above.",
)
@click.option(
    "--through",
    type=click.Choice(("gateway", "direct")),
    help="gateway: all tiers, through `tiered-router serve`, the default but for "
    "profiles; direct: models without the router, of the default tier where a "
    "program knows one model only.",
)
@click.option("--address", help="The gateway's, such as http://127.0.0.1:4100.")
@click.option(
    "--port", type=click.IntRange(1, 65535), help="The gateway's, on this machine."
)
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path),
    help="File to write, or for profiles the directory.",
)
@click.option("--force", is_flag=True, help="Overwrite files that differ.")
@click.option("--json", "as_json", is_flag=True, help="Report in JSON.")
def export(
    config: str | None,
    form: str,
    through: str | None,
    address: str | None,
    port: int | None,
    output: Path | None,
    force: bool,
    as_json: bool,
) -> None:
    """Write it in the form that another program reads.

    \b
    env          LLM_MODEL etc. for SDK scripts
    headless     config.toml of OpenHands before the SDK
    resolver     env of a GitHub Actions job
    cli          LLM_MODEL etc. for the OpenHands CLI
    claude-code  ANTHROPIC_BASE_URL etc.
    litellm      configuration of the LiteLLM proxy
    profiles     one LLM profile a tier, for the SDK's LLMProfileStore
    """
    if address and port:
        raise click.UsageError("--address holds the port; leave out --port")
    through = through or ("direct" if form == "profiles" else "gateway")
    if form in ("claude-code", "litellm") and through == "direct":
        raise click.UsageError(f"{form} works through the gateway only")
    where = address or (f"http://127.0.0.1:{port}" if port else None)
    files = _files(_load(config), form, through, where)
    if output is not None:
        _write(files, output, form, force)
    if as_json:
        answer = {"for": form, "through": through, "files": files}
        click.echo(json.dumps(answer, indent=2))
    elif output is not None:
        click.echo(f"Wrote {', '.join(files)} to {output}.")
    else:
        for name, text in files.items():
            click.echo(f"{name}:\n{text}" if len(files) > 1 else text, nl=False)


def _files(
    config: RouterConfig, form: str, through: str, address: str | None
) -> dict[str, str]:
    """Each file's text, by its name."""
    from openhands_tiered_router.cli.export import forms
    from openhands_tiered_router.config import ConfigError

    make = _maker(config, through, address)
    single: dict[str, Callable[[Client], str]] = {
        "env": forms.environment,
        "cli": forms.cli,
        "resolver": forms.resolver,
        "claude-code": forms.claude_code,
    }
    try:
        if form == "litellm":
            from openhands_tiered_router.gateway.proxy_config import proxy_config

            proxy = proxy_config(config, os.environ)
            return {FORMS[form]: forms.litellm(proxy.settings, proxy.variables)}
        if form in single:
            return {FORMS[form]: single[form](make(None))}
        tiers = {tier: make(tier) for tier in map(str, config.tiers.configured())}
        if form == "headless":
            return {FORMS[form]: forms.headless(make(None), tiers)}
        _say(tiers)
        return {_PROFILE.format(t): forms.profile(c) for t, c in tiers.items()}
    except ConfigError as error:
        click.echo(str(error), err=True)
        sys.exit(EXIT_USAGE)


def _say(tiers: dict[str, Client]) -> None:
    """A profile has no room for notes: on standard error, so that they are said."""
    for tier, client in tiers.items():
        for note in client.notes:
            click.echo(f"{tier}: {note}", err=True)
        if client.key_variable:
            click.echo(
                f"{tier}: no key in the profile. The SDK uses {client.key_variable} if "
                "that is its provider's usual variable; else add the key yourself.",
                err=True,
            )


def _maker(
    config: RouterConfig, through: str, address: str | None
) -> Callable[[str | None], Client]:
    """Makes the client of a tier; ``None``: what stands for all."""
    from openhands_tiered_router.cli.export.client import (
        GATEWAY,
        direct,
        through_gateway,
    )

    def make(tier: str | None) -> Client:
        if through == "direct":
            return direct(config, os.environ, tier)
        where = address or GATEWAY
        return through_gateway(config, os.environ, address=where, tier=tier)

    return make


def _load(path: str | None) -> RouterConfig:
    from openhands_tiered_router.config import ConfigError, open_config

    try:
        return open_config(path)
    except ConfigError as error:
        click.echo(str(error), err=True)
        sys.exit(EXIT_USAGE)


def _write(files: dict[str, str], output: Path, form: str, force: bool) -> None:
    from openhands_tiered_router.textfiles import TextFileError, read, write

    places = {
        output / name if form == "profiles" else output: text
        for name, text in files.items()
    }
    try:
        others = [p for p, text in places.items() if read(p) not in (None, text)]
        if others and not force:
            raise click.UsageError(f"{others[0]} exists; add --force to overwrite it")
        for path, text in places.items():
            write(path, text)
    except TextFileError as error:
        raise click.UsageError(str(error)) from None
