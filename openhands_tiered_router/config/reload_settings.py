"""Whether a configuration is watched."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ReloadSettings:
    """Reloading when asked to (a call, ``SIGHUP``) works in any case."""

    watch: bool = False
    interval: float = 2.0
    """Seconds between looks: a person's patience, and five system calls a look."""
