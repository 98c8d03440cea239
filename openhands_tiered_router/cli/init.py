"""``tiered-router init``: write a configuration file."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from openhands_tiered_router.cli.here import Number


if TYPE_CHECKING:
    from openhands_tiered_router.config.presets import PresetEndpoint
    from openhands_tiered_router.config.reach import LocalServer
    from openhands_tiered_router.config.schema import RouterConfig
    from openhands_tiered_router.tiers import Tier

# Listed here so that --help need not import the configuration.
PRESET_NAMES = ("anthropic", "openai", "ollama", "local", "openrouter")


_TASK_VALUE: Final = 5.0
"""``[policy] task_value``; here, so that --help need not import the policy."""
_OUTPUT: Final = Path("tiered-router.toml")
_QUESTION: Final = "What is a solved task worth to you, in USD"
_EPILOG: Final = """\b
Examples:
  tiered-router init                       asks
  tiered-router init --preset anthropic --task-value 20
  tiered-router init --preset openai --simple ollama_chat/qwen3-coder:30b
  tiered-router init --complex openai/gpt-6.1-sol -o other.toml

\b
Exit code:  0  written
            2  the file exists or cannot be written, or a model cannot be used
"""


@click.command(name="init", epilog=_EPILOG)
@click.option("--preset", type=click.Choice(PRESET_NAMES), help="Models to start with.")
@click.option("--simple", metavar="MODEL", help="litellm model of the simple tier.")
@click.option("--medium", metavar="MODEL", help="Likewise for the medium tier.")
@click.option("--complex", metavar="MODEL", help="Likewise for the complex tier.")
@click.option("--reasoning", metavar="MODEL", help="Likewise for the reasoning tier.")
@click.option(
    "--output",
    "-o",
    type=click.Path(dir_okay=False, path_type=Path),
    default=_OUTPUT,
    show_default=True,
    help="File to write.",
)
@click.option(
    "--task-value",
    type=Number(0, 1_000_000),
    metavar="USD",
    help="What a solved task is worth to you: the dearer, the stronger the models.",
)
@click.option(
    "--unlisted", is_flag=True, help="Accept models that litellm does not list."
)
@click.option("--force", is_flag=True, help="Overwrite the file if it exists.")
@click.option("--json", "as_json", is_flag=True, help="Report in JSON.")
def command(
    preset: str | None,
    output: Path,
    task_value: float | None,
    unlisted: bool,
    force: bool,
    as_json: bool,
    **models: str | None,
) -> None:
    """Write a configuration file: from flags, or from a few questions.

    Never writes a key: the file names the environment variables that hold them.
    """
    if output.suffix.lower() != ".toml":
        raise click.UsageError(f"{output} must end in .toml: the file has comments.")
    if output.exists() and not force:
        raise click.UsageError(f"{output} exists; add --force to overwrite it.")
    chosen = {name: model for name, model in models.items() if model}
    if preset is None and not chosen:
        preset, task_value = _ask(task_value)
    if not unlisted:
        _check_models(chosen)
    tiers = _tiers(preset, chosen)
    text, config = _render(tiers, output, task_value)
    _write(output, text, force)
    _report(output, config, as_json)


def _is_terminal() -> bool:
    return sys.stdin.isatty()


def _ask(task_value: float | None) -> tuple[str, float | None]:
    """The preset that the user starts with, and what a solved task is worth, USD."""
    if not _is_terminal():
        raise click.UsageError(
            "Give --preset, or a model for a tier such as --complex MODEL."
        )
    from openhands_tiered_router.config.presets import PRESETS

    found = found_here()
    for what in found.values():
        click.echo(f"Found {what}.")
    for name, preset in PRESETS.items():
        click.echo(f"  {name:<12}{preset.title}")
    choice = click.Choice(PRESET_NAMES)
    default = next(iter(found), PRESET_NAMES[0])
    chosen: str = click.prompt("Start with", type=choice, default=default)
    if task_value is None:
        task_value = click.prompt(
            _QUESTION, type=Number(0, 1_000_000), default=_TASK_VALUE
        )
    return chosen, task_value


def found_here() -> dict[str, str]:
    """What this machine has, by the preset that uses it; the likeliest first."""
    from openhands_tiered_router.config.keys import USUAL_VARIABLES
    from openhands_tiered_router.config.reach import local_servers

    found: dict[str, str] = {}
    for preset in ("anthropic", "openai", "openrouter"):
        names = [name for name in USUAL_VARIABLES[preset] if os.environ.get(name)]
        if names:
            found[preset] = f"a key in {names[0]}"
    for server in local_servers():
        said = f"{server.name} at {server.base_url} with {server.models[0]}"
        found.setdefault("local", said)
    return found


def _tiers(preset: str | None, models: Mapping[str, str]) -> dict[Tier, PresetEndpoint]:
    from openhands_tiered_router.config.presets import (
        PRESETS,
        PresetEndpoint,
        from_server,
    )
    from openhands_tiered_router.config.reach import local_servers
    from openhands_tiered_router.tiers import Tier

    tiers = dict(PRESETS[preset].tiers) if preset else {}
    servers = local_servers() if preset in ("local", "ollama") else []
    if preset == "ollama":
        servers = [server for server in servers if server.name == "Ollama"]
    if servers and not _has_models(tiers.values(), servers):
        tiers = dict(from_server(servers[0]).tiers)
    own = {Tier.parse(name): PresetEndpoint(model) for name, model in models.items()}
    return tiers | own


def _has_models(
    endpoints: Iterable[PresetEndpoint], servers: Iterable[LocalServer]
) -> bool:
    served = {f"{s.prefix}/{model}" for s in servers for model in s.models}
    return all(endpoint.model in served for endpoint in endpoints)


def _check_models(models: Mapping[str, str]) -> None:
    """Refuses what litellm's table does not list: a misspelt name costs a run.

    Raises:
        click.UsageError: Names the model and what comes near.
    """
    from openhands_tiered_router.policy.economics.price_book import default_price_book

    book = default_price_book()
    for tier, model in models.items():
        if book.prices(model) is None and " " not in model:
            close = book.like(model)
            near = f" Did you mean {close}?" if close else ""
            raise click.UsageError(
                f"--{tier} {model}: litellm lists no such model.{near} "
                "Add --unlisted to write it all the same."
            )


def _render(
    tiers: Mapping[Tier, PresetEndpoint], output: Path, task_value: float | None
) -> tuple[str, RouterConfig]:
    import tomllib

    from openhands_tiered_router.config import ConfigError, parse_config
    from openhands_tiered_router.config.template import render
    from openhands_tiered_router.policy.economics.price_book import default_price_book

    text = render(tiers, default_price_book(), task_value)
    try:
        return text, parse_config(tomllib.loads(text), str(output))
    except ConfigError as error:
        raise click.UsageError(str(error)) from None


def _write(output: Path, text: str, force: bool) -> None:
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        with output.open("w" if force else "x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise click.UsageError(f"{output} cannot be written: {reason}.") from None


def _report(output: Path, config: RouterConfig, as_json: bool) -> None:
    variables = _variables(config)
    missing = [name for name, present in variables.items() if not present]
    steps = [f"export {name}=..." for name in missing]
    # The usual name is found without being named.
    named = "" if output == _OUTPUT else f" --config {output}"
    steps += [f"tiered-router doctor{named}", f'tiered-router run{named} --task "..."']
    if as_json:
        models = {key: endpoint.model for key, endpoint in config.endpoints().items()}
        report: dict[str, Any] = {
            "path": str(output),
            "endpoints": models,
            "variables": variables,
            "next": steps,
        }
        click.echo(json.dumps(report, indent=2))
        return
    click.echo(f"Wrote {output}. Next:")
    for step in steps:
        click.echo(f"  {step}")


def _variables(config: RouterConfig) -> dict[str, bool]:
    """Environment variables that hold a key, and whether each is set."""
    from openhands_tiered_router.config.keys import key_for
    from openhands_tiered_router.config.resolve import resolve_targets
    from openhands_tiered_router.policy.economics.price_book import default_price_book

    book, targets = default_price_book(), resolve_targets(config)
    keys = [
        key_for(endpoint, targets[key], os.environ, book)
        for key, endpoint in config.endpoints().items()
    ]
    return {key.variable: not key.missing for key in keys if key.variable}
