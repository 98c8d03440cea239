"""What a command is about when nothing is named: the record and configuration here."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any, Final

import click


UNUSABLE: Final = 2
"""Exit code: the record cannot be used, or does not hold that."""

CONFIG_SUFFIXES: Final = (".toml", ".yaml", ".yml", ".json")


class Failure(click.ClickException):
    """Ends a command with a message on standard error."""

    exit_code = UNUSABLE


def write_page(path: Path, text: str) -> None:
    """Writes a page that was asked for.

    Raises:
        Failure: It cannot be written.
    """
    try:
        path.write_text(text, "utf-8")
    except OSError as error:
        raise Failure(f"{path}: cannot be written: {error.strerror}") from None


def recorded(telemetry: Path | None) -> Path:
    """The telemetry file that was named, or the one that routers write.

    Raises:
        Failure: Telemetry is off, and no file was named.
    """
    from openhands_tiered_router.record.telemetry.opening import path_from

    path = telemetry or path_from(os.environ)
    if path is None:
        raise Failure("telemetry is off; name its file with --telemetry")
    return path


def config_here(explicit: str | None) -> str | None:
    """Fingerprint of the configuration that was named, or that `run` would use here;
    ``None``: there is none."""
    from openhands_tiered_router.record.telemetry.process import config_fingerprint

    return config_fingerprint(explicit or config_file())


def config_file() -> Path | None:
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


def default_state_dir() -> Path:
    from platformdirs import user_state_path

    return user_state_path("tiered-router", appauthor=False) / "conversations"


def quiet_sdk() -> None:
    """The SDK logs to the terminal by default; here the turns are the output."""
    os.environ.setdefault("OPENHANDS_SUPPRESS_BANNER", "1")
    os.environ.setdefault("LOG_LEVEL", "ERROR")


class Number(click.FloatRange):
    """A finite number in a range; click's own takes NaN into any."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        found = super().convert(value, param, ctx)
        if not math.isfinite(found):
            self.fail(f"{value} is not a finite number.", param, ctx)
        return found


task_value_option: Final = click.option(
    "--task-value",
    type=Number(0, 1_000_000),
    metavar="USD",
    help="What a solved task is worth to you; by default as configured.",
)
config_option: Final = click.option(
    "--config",
    "-c",
    metavar="FILE",
    help="Configuration file; else looked for as usual.",
)
telemetry_option: Final = click.option(
    "--telemetry",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File with the record; by default the one that routers write.",
)
state_dir_option: Final = click.option(
    "--state-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where conversations are kept; by default in the user's state directory.",
)
max_iterations_option: Final = click.option(
    "--max-iterations", type=click.IntRange(1), default=500, show_default=True
)
