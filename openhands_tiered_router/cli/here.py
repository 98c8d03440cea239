"""What a command is about when nothing is named: the record and configuration here."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import click


UNUSABLE: Final = 2
"""Exit code: the record cannot be used, or does not hold that."""

CONFIG_SUFFIXES: Final = (".toml", ".yaml", ".yml", ".json")


class Failure(click.ClickException):
    """Ends a command with a message on standard error."""

    exit_code = UNUSABLE


def recorded(telemetry: Path | None) -> Path:
    """The telemetry file that was named, or the one that routers write.

    Raises:
        Failure: Telemetry is off, and no file was named.
    """
    from openhands_tiered_router.record.telemetry.location import path_from

    path = telemetry or path_from(os.environ)
    if path is None:
        raise Failure("telemetry is off; name its file with --telemetry")
    return path


def config_here(explicit: str | None) -> str | None:
    """Fingerprint of the configuration that was named, or that `run` would use here;
    ``None``: there is none."""
    from openhands_tiered_router.record.telemetry.process import config_fingerprint

    return config_fingerprint(explicit or _config_file())


def _config_file() -> Path | None:
    """The file that ``config.find_config`` finds, without its import: it would take
    longer than all else that a shell's prompt waits for."""
    if named := os.environ.get("TIERED_ROUTER_CONFIG"):
        return Path(named)
    import platformdirs

    user = platformdirs.user_config_path("tiered-router", appauthor=False)
    for directory in (Path.cwd(), Path.cwd() / ".openhands", user):
        for suffix in CONFIG_SUFFIXES:
            path = directory / f"tiered-router{suffix}"
            if path.is_file():
                return path
    return None
