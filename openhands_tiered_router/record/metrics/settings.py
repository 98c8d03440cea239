"""Where metrics are served."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


MULTIPROCESS: Final = "PROMETHEUS_MULTIPROC_DIR"
"""prometheus-client's own variable: the directory where worker processes count
together. It must be set before that is imported."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsSettings:
    """Nothing is served, and nothing counted, without a port."""

    port: int | None = None
    host: str = "127.0.0.1"
    """Metrics tell what is spent; they have no password."""
