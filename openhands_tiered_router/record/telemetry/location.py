"""Where the telemetry file is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final


VARIABLE: Final = "TIERED_ROUTER_TELEMETRY"
"""Environment variable: a path, or one of ``OFF``."""

OFF: Final = frozenset({"off", "false", "no", "0"})


def standard_path() -> Path:
    """The file in the user's own state directory, as the platform has it."""
    # Here, because a shell's prompt that names a file need not wait for it.
    import platformdirs

    directory = platformdirs.user_state_path("tiered-router", appauthor=False)
    return directory / "telemetry.sqlite3"


def path_from(environ: Mapping[str, str]) -> Path | None:
    """The file that the environment asks for; ``None``: telemetry is switched off.

    A value that cannot be a path is warned of and switches off: no run fails for it.
    """
    value = environ.get(VARIABLE, "").strip()
    if not value:
        return standard_path()
    if value.lower() in OFF:
        return None
    try:
        if "\0" in value:
            raise ValueError("a path has no NUL character")
        return Path(value).expanduser().absolute()
    except (ValueError, RuntimeError, OSError) as error:
        import logging

        logging.getLogger(__name__).warning(
            "telemetry is off: %s is not a usable path (%s); "
            "set it to a file's path, or to 'off'",
            VARIABLE,
            error,
        )
        return None
