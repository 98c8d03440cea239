"""``[metrics]``: where numbers for Prometheus are served."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from openhands_tiered_router.config.fields import Count, Section
from openhands_tiered_router.record.metrics.settings import MetricsSettings


_DEFAULT: Final = MetricsSettings()


class MetricsConfig(Section):
    """Where numbers for Prometheus are served."""

    port: Annotated[Count, Field(ge=1, le=65_535)] | None = _DEFAULT.port
    """Port for ``/metrics`` and ``/health`` in each process with a router; none: they
    are not served."""
    host: str = Field(default=_DEFAULT.host, min_length=1)
    """Address to bind. Metrics tell what is spent, and have no password."""

    def to_metrics(self) -> MetricsSettings:
        """What the router takes."""
        return MetricsSettings(**dict(self))
