"""``[metrics]``: where numbers for Prometheus are served."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from openhands_tiered_router.fields import Count, Section


MULTIPROCESS: Final = "PROMETHEUS_MULTIPROC_DIR"
"""prometheus-client's own variable: the directory where worker processes count
together. It must be set before that is imported."""


class MetricsSettings(Section):
    """Nothing is served, and nothing counted, without a port."""

    port: Annotated[Count, Field(ge=1, le=65_535)] | None = None
    """Port for ``/metrics`` and ``/health`` in each process with a router; ``None``:
    they are not served."""
    host: str = Field(default="127.0.0.1", min_length=1)
    """Address to bind. Metrics tell what is spent, and have no password."""
