"""Finding the configuration that holds here."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from platformdirs import user_config_path

from openhands_tiered_router.config.environment import config_from_env, has_env_config
from openhands_tiered_router.config.errors import ConfigError, Problem
from openhands_tiered_router.config.load import load_config
from openhands_tiered_router.config.parse import PARSERS
from openhands_tiered_router.config.schema import RouterConfig


NAME: Final = "tiered-router"
VARIABLE: Final = "TIERED_ROUTER_CONFIG"


@dataclass(frozen=True, slots=True)
class ConfigSource:
    """Where the configuration comes from, and why from there."""

    path: Path | None
    """The file; ``None``: environment variables."""
    reason: str
    """Which rule found it, such as ``TIERED_ROUTER_CONFIG`` or ``./``."""

    def load(self, environ: Mapping[str, str] | None = None) -> RouterConfig:
        """Read it.

        Raises:
            ConfigError: It cannot be used.
        """
        if self.path is not None:
            return load_config(self.path)
        return config_from_env(os.environ if environ is None else environ)

    def __str__(self) -> str:
        if self.path is None:
            return self.reason
        return f"{self.path} ({self.reason})"


def find_config(
    explicit: str | Path | None = None,
    environ: Mapping[str, str] | None = None,
    cwd: str | Path | None = None,
) -> ConfigSource:
    """The configuration that holds, without reading it.

    The first of: ``explicit``, the file that ``TIERED_ROUTER_CONFIG`` names,
    ``tiered-router.{toml,yaml,yml,json}`` in ``cwd``, in ``cwd/.openhands`` and in
    the user's configuration directory, and the variables ``SIMPLE_MODEL`` etc.

    Raises:
        ConfigError: There is none; says where it was looked for.
    """
    environ = os.environ if environ is None else environ
    if explicit is not None:
        return ConfigSource(Path(explicit), "given")
    if environ.get(VARIABLE):
        return ConfigSource(Path(environ[VARIABLE]), VARIABLE)
    directories = dict(_directories(Path.cwd() if cwd is None else Path(cwd)))
    for reason, directory in directories.items():
        for suffix in PARSERS:
            path = directory / f"{NAME}{suffix}"
            if path.is_file():
                return ConfigSource(path, reason)
    if has_env_config(environ):
        return ConfigSource(None, "environment variables")
    raise ConfigError([_none_found(directories.values())])


def _none_found(directories: Iterable[Path]) -> Problem:
    places = ", ".join(map(str, directories))
    return Problem(
        source="configuration",
        message=f"none was found. Looked for {NAME}.toml (.yaml, .yml, .json) in "
        f"{places}, and for the variables {VARIABLE} and COMPLEX_MODEL",
        remedy="Write one with: tiered-router init",
    )


def open_config(
    explicit: str | Path | None = None,
    environ: Mapping[str, str] | None = None,
    cwd: str | Path | None = None,
) -> RouterConfig:
    """The configuration that holds: ``find_config``, read.

    Raises:
        ConfigError: There is none, or it cannot be used.
    """
    return find_config(explicit, environ, cwd).load(environ)


def _directories(cwd: Path) -> Iterator[tuple[str, Path]]:
    yield "current directory", cwd
    yield "current directory, .openhands", cwd / ".openhands"
    yield "user's configuration", user_config_path(NAME, appauthor=False)
