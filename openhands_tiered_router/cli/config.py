"""``tiered-router config``: show the configuration, or write it for other programs."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from openhands_tiered_router.cli.doctor import command as doctor
from openhands_tiered_router.cli.here import config_option


if TYPE_CHECKING:
    from openhands_tiered_router.config import RouterConfig

EXIT_USAGE: Final = 2
FORMS: Final = ("env", "headless", "resolver", "claude-code", "litellm")
_GATEWAY: Final = "http://127.0.0.1:4100"
"""Where ``tiered-router serve`` listens by default."""


@click.group(
    name="config",
    epilog="""\b
Examples:
  tiered-router config show --defaults
  tiered-router config export --for env
  tiered-router config export --for headless --output config.toml
""",
)
def command() -> None:
    """Show the configuration, or write it in the form of other programs.

    A key is never printed or written: environment variables that hold them are named.
    """


command.add_command(doctor, name="check")


@command.command()
@config_option
@click.option("--defaults", is_flag=True, help="Also what the file does not say.")
@click.option("--json", "as_json", is_flag=True, help="JSON instead of YAML.")
def show(config: str | None, defaults: bool, as_json: bool) -> None:
    """Print the configuration as it is understood, without its secrets.

    The output can be used as a file, but for what is hidden in it.
    """
    from openhands_tiered_router.cli.shown import shown_config

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
  tiered-router config export --for env
  tiered-router config export --for headless --output config.toml
  tiered-router config export --for litellm > litellm.yaml

\b
Exit code:  0  written
            2  no configuration that can be used, or a file is in the way
"""
)
@config_option
@click.option(
    "--for",
    "form",
    type=click.Choice(FORMS),
    required=True,
    metavar="FORM",
    help="The form, one of those above.",
)
@click.option(
    "--address", default=_GATEWAY, show_default=True, help="The gateway's address."
)
@click.option("--output", "-o", type=click.Path(path_type=Path), help="File to write.")
@click.option("--force", is_flag=True, help="Overwrite a file that differs.")
@click.option("--json", "as_json", is_flag=True, help="Report in JSON.")
def export(
    config: str | None,
    form: str,
    address: str,
    output: Path | None,
    force: bool,
    as_json: bool,
) -> None:
    """Write it in the form that another program reads; `serve` must run.

    \b
    env          LLM_MODEL etc. for SDK scripts and the OpenHands CLI
    headless     config.toml of OpenHands before the SDK
    resolver     env of a GitHub Actions job
    claude-code  ANTHROPIC_BASE_URL etc.
    litellm      configuration of the LiteLLM proxy, as `serve` starts it
    """
    text = _text(_load(config), form, address)
    if output is not None:
        _write(text, output, force)
    if as_json:
        click.echo(json.dumps({"for": form, "text": text}, indent=2))
    elif output is not None:
        click.echo(f"Wrote {output}.")
    else:
        click.echo(text, nl=False)


def _text(config: RouterConfig, form: str, address: str) -> str:
    from openhands_tiered_router.cli import export as forms
    from openhands_tiered_router.config import ConfigError

    writers = {
        "env": forms.environment,
        "headless": forms.headless,
        "resolver": forms.resolver,
        "claude-code": forms.claude_code,
    }
    try:
        if form == "litellm":
            return forms.litellm(config)
        return writers[form](forms.Gateway.of(config, address))
    except ConfigError as error:
        click.echo(str(error), err=True)
        sys.exit(EXIT_USAGE)


def _load(path: str | None) -> RouterConfig:
    from openhands_tiered_router.config import ConfigError, open_config

    try:
        return open_config(path)
    except ConfigError as error:
        click.echo(str(error), err=True)
        sys.exit(EXIT_USAGE)


def _write(text: str, output: Path, force: bool) -> None:
    from openhands_tiered_router.textfiles import TextFileError, read, write

    try:
        if not force and read(output) not in (None, text):
            raise click.UsageError(f"{output} exists; add --force to overwrite it")
        write(output, text)
    except TextFileError as error:
        raise click.UsageError(str(error)) from None
