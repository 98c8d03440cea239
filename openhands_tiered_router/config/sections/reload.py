"""``[reload]``: whether changes of the configuration are taken up while running."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from openhands_tiered_router.config.fields import Number, Section
from openhands_tiered_router.config.reload_settings import ReloadSettings


_DEFAULT: Final = ReloadSettings()


class ReloadConfig(Section):
    """Whether changes of the configuration are taken up while running."""

    watch: bool = _DEFAULT.watch
    """Look at the file now and then, and take up what changed. Off: an agent that can
    write the file could lift its own limits."""
    interval: Annotated[Number, Field(ge=0.1, le=3_600)] = _DEFAULT.interval
    """Seconds between looks. A change counts once two looks have seen the same."""

    def to_reload(self) -> ReloadSettings:
        """What the watcher takes."""
        return ReloadSettings(**dict(self))
