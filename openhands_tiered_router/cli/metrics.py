"""``tiered-router metrics``: numbers for Prometheus, from the telemetry file."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import Final

import click

from openhands_tiered_router.cli.here import UNUSABLE, recorded, telemetry_option


_EPILOG: Final = """\b
Examples:
  tiered-router metrics
  tiered-router metrics --port 9500 --telemetry runs/telemetry.sqlite3

\b
Exit code:  0  stopped
            2  the port, the record or the configuration cannot be used
"""


@click.command(epilog=_EPILOG)
@click.option(
    "--port", default=9464, show_default=True, type=click.IntRange(0, 65535),
    help="Port; 0: a free one.",
)  # fmt: skip
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to bind.")
@telemetry_option
@click.option(
    "--config",
    "-c",
    metavar="FILE",
    help="Configuration with budgets to show; optional.",
)
def command(port: int, host: str, telemetry: Path | None, config: str | None) -> None:
    """Serve to Prometheus what all routers of this user record.

    It counts from its start on, also short runs that no scrape would meet. Breakers and
    queues are known to the routers' own processes alone: see [metrics] port.
    """
    from openhands_tiered_router.config import ConfigError
    from openhands_tiered_router.record.metrics.serving import (
        MetricsError,
        serve_metrics,
    )
    from openhands_tiered_router.record.telemetry.query import TelemetryReadError

    path = recorded(telemetry)
    try:
        if config is not None:
            _note_budgets(config)
        server = serve_metrics(port, host, follow=path)
    except (ConfigError, MetricsError, TelemetryReadError) as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(UNUSABLE)
    click.echo(f"Serving {server.address}/metrics of {path}; stop with Ctrl-C.")
    threading.Event().wait()


def _note_budgets(config: str) -> None:
    from functools import partial

    from openhands_tiered_router.config import open_config
    from openhands_tiered_router.record.metrics.sources import sources
    from openhands_tiered_router.record.telemetry.recorder import TelemetryRecorder
    from openhands_tiered_router.sdk.budgets_left import budgets_left

    read = open_config(config)
    noted = {
        (str(b.scope), b.name): partial(budgets_left, (b,), read.state)
        for b in read.budgets
    }
    sources.add(TelemetryRecorder.disabled(), budgets=noted)
