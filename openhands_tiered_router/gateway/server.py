"""Running the LiteLLM proxy with the router in it."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from openhands_tiered_router.config import ConfigSource
from openhands_tiered_router.config.find import VARIABLE as CONFIG_VARIABLE
from openhands_tiered_router.gateway.proxy_config import ProxyConfig
from openhands_tiered_router.gateway.settings import (
    BUDGETED,
    KEY,
    NO_KEY,
    SERVED,
    WORKERS,
)
from openhands_tiered_router.record.metrics.settings import MULTIPROCESS


_APP: Final = "openhands_tiered_router.gateway.app:app"
_ENVIRONMENT: Final = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # else it is fetched at the start
    "LITELLM_LOG": "ERROR",
    "LOG_LEVEL": "ERROR",  # the SDK's; it logs to the terminal by default
    # Else its traceback of each failed call is set in colours, on the event loop: that
    # took more than a minute on a loaded machine, in which nobody was served.
    "LOG_JSON": "true",
    "OPENHANDS_SUPPRESS_BANNER": "1",
    "LITELLM_MODE": "PRODUCTION",  # else it reads .env files of the directory
    "DISABLE_ADMIN_UI": "True",
    "NO_DOCS": "True",
    "NO_REDOC": "True",
}


class GatewayMissing(Exception):
    """The LiteLLM proxy is not installed, or lacks something; says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """Where the gateway listens, and with how many processes."""

    host: str
    port: int
    workers: int = 1


def check_installed(*, database: bool) -> None:
    """Imports the proxy, which takes seconds.

    Args:
        database: Whether LiteLLM keeps its keys in one.

    Raises:
        GatewayMissing: It cannot be imported, or its client of the database.
    """
    if database:
        _check_client()
    os.environ.update(_ENVIRONMENT)
    try:
        from openhands_tiered_router.gateway.workers import hold_sighup

        hold_sighup()
        import litellm.proxy.proxy_server  # noqa: F401
    except ImportError as error:
        raise GatewayMissing(
            f"the gateway needs the LiteLLM proxy ({error}); "
            "install it with: pip install 'openhands-tiered-router[gateway]'"
        ) from None


def _check_client() -> None:
    try:
        from prisma import Prisma  # pyright: ignore  # noqa: F401
    except (ImportError, RuntimeError) as error:
        raise GatewayMissing(
            f"--litellm-keys needs LiteLLM's client of its database ({error}); "
            "install it with: pip install prisma, then run: prisma generate --schema "
            "<site-packages>/litellm/proxy/schema.prisma"
        ) from None


def serve(
    source: ConfigSource, proxy: ProxyConfig, key: str | None, binding: Binding
) -> None:
    """Serves until it is stopped.

    Args:
        source: Where the router's configuration is.
        proxy: What LiteLLM is started with.
        key: What clients must send; ``None``: anyone who can connect is served.
        binding: Where to listen.
    """
    os.environ.update(_ENVIRONMENT | proxy.variables)
    if source.path is not None:
        os.environ[CONFIG_VARIABLE] = str(source.path.resolve())
    settings = dict(proxy.settings)
    managed = "master_key" in settings["general_settings"]
    os.environ[SERVED] = "litellm" if managed else "keys"
    os.environ.pop(NO_KEY, None)
    os.environ.pop(BUDGETED, None)
    os.environ.pop(WORKERS, None)
    if proxy.budgeted:
        os.environ[BUDGETED] = "1"
    if key is None:
        settings.pop("general_settings")
        os.environ[NO_KEY] = "1"
    else:
        os.environ[KEY] = key
        os.environ["LITELLM_MASTER_KEY"] = key  # else it warns of having none
    with _file(settings) as path:
        os.environ["CONFIG_FILE_PATH"] = str(path)
        if binding.workers > 1:
            os.environ[WORKERS] = str(binding.workers)
            os.environ.setdefault(MULTIPROCESS, str(path.parent))
        _run(binding)


def _run(binding: Binding) -> None:
    import uvicorn

    from openhands_tiered_router.gateway.workers import BoundedHeaders, Workers

    options: dict[str, Any] = {
        "http": BoundedHeaders,
        "host": binding.host,
        "port": binding.port,
        "log_level": "warning",
        "access_log": False,
    }
    if binding.workers == 1:
        uvicorn.run(_APP, **options)
        return
    config = uvicorn.Config(_APP, workers=binding.workers, **options)
    Workers(config, [config.bind_socket()]).run()


@contextmanager
def _file(settings: dict[str, object]) -> Iterator[Path]:
    """LiteLLM's configuration as a file that only this user may read: JSON is YAML."""
    with tempfile.TemporaryDirectory(prefix="tiered-router-") as directory:
        path = Path(directory) / "litellm.yaml"
        path.write_text(json.dumps(settings, indent=2), encoding="utf-8")
        yield path
