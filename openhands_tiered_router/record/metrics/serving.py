"""A small HTTP server for metrics and health."""

from __future__ import annotations

import logging
import threading
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Final
from wsgiref.simple_server import WSGIRequestHandler, make_server

from openhands_tiered_router.record.metrics.settings import MetricsSettings


if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

    from openhands_tiered_router.record.metrics.exposition import Exposition


logger = logging.getLogger(__name__)

_REQUEST_SECONDS: Final = 10.0
"""Seconds for a client to send its request; a scrape comes from nearby."""


class MetricsError(Exception):
    """Metrics cannot be served; the message says why, and what to do."""


class MetricsServer:
    """Serves from a daemon thread until it is closed."""

    def __init__(self, exposition: Exposition, host: str, port: int) -> None:
        from prometheus_client.exposition import ThreadingWSGIServer

        app = partial(_answered, exposition)
        self._server = make_server(host, port, app, ThreadingWSGIServer, _Handler)
        self._thread = threading.Thread(
            target=self._server.serve_forever, name="tiered-router-metrics", daemon=True
        )
        self._thread.start()

    @property
    def address(self) -> str:
        """Such as ``http://127.0.0.1:9464``."""
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def serve_metrics(
    port: int = 0, host: str = "127.0.0.1", *, follow: Path | None = None
) -> MetricsServer:
    """Serves what the routers of this process do: ``/metrics``, ``/health/live`` and
    ``/health/ready``. Counting begins here.

    Args:
        port: 0: a free one; see ``MetricsServer.address``.
        host: Metrics tell what is spent, and there is no password: mind who can
            connect to any other than this.
        follow: A telemetry file, to count what other processes record there. Not one
            that this process writes: that would count twice.

    Raises:
        MetricsError: The extra ``metrics`` is missing, or the port is taken.
        TelemetryReadError: The file to follow cannot be read.
    """
    try:
        from openhands_tiered_router.record.metrics.exposition import exposition
    except ImportError as error:
        raise MetricsError(
            f"metrics need prometheus-client ({error}); "
            "install it with: pip install 'openhands-tiered-router[metrics]'"
        ) from None
    if follow is not None:
        exposition().follow(follow)
    try:
        return MetricsServer(exposition(), host, port)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or "the port is not valid"
        raise MetricsError(
            f"metrics cannot be served on {host}:{port}: {reason}; take another port"
        ) from None


def serve_as_configured(settings: MetricsSettings) -> None:
    """Serves once a process, if there is a port. Returns at once: the first import
    takes a tenth of a second. What goes wrong is logged; the run goes on."""
    if settings.port is None or settings in _served:
        return
    _served.add(settings)
    thread = threading.Thread(
        target=_serve, args=(settings,), name="tiered-router-metrics", daemon=True
    )
    thread.start()


_served: Final[set[MetricsSettings]] = set()


def _serve(settings: MetricsSettings) -> None:
    assert settings.port is not None
    try:
        server = serve_metrics(settings.port, settings.host)
        logger.info("metrics on %s/metrics", server.address)
    except MetricsError as error:
        logger.warning("%s; the run goes on without", error)


class _Handler(WSGIRequestHandler):
    timeout = _REQUEST_SECONDS

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002, ARG002
        """Scrapes are not worth a line each."""


def _answered(
    exposition: Exposition, environ: WSGIEnvironment, respond: StartResponse
) -> list[bytes]:
    path = environ.get("PATH_INFO", "")
    if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
        respond("405 Method Not Allowed", [("Allow", "GET, HEAD")])
        return []
    try:
        answer = exposition.answer(path, environ.get("HTTP_ACCEPT", ""))
    except Exception as error:
        logger.error("%s not answered: %s", path[:40], type(error).__name__)
        respond("500 Internal Server Error", [("Content-Type", "text/plain")])
        return [b"see the log\n"]
    status = HTTPStatus(answer.status)
    respond(f"{status.value} {status.phrase}", [("Content-Type", answer.content_type)])
    return [answer.body]
