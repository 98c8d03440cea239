"""Reading a configuration file."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from openhands_tiered_router.config.errors import ConfigError, Problem
from openhands_tiered_router.config.llm_fields import SECRETS
from openhands_tiered_router.config.parse import PARSERS, SyntaxProblem, parse
from openhands_tiered_router.config.problems import from_validation
from openhands_tiered_router.config.schema import RouterConfig, with_origin
from openhands_tiered_router.redaction import is_secret_name


MAX_BYTES: Final = 1_000_000
"""A configuration of four tiers takes some 2 kB; a file this big is another one."""


def load_config(path: str | Path) -> RouterConfig:
    """The configuration in the file at ``path`` (TOML, YAML or JSON).

    Raises:
        ConfigError: It cannot be read or used; lists every problem at once.
    """
    path = Path(path)
    source = str(path)
    text = _read_text(path)
    if not text.strip():
        raise _error(source, "is empty", "Run tiered-router init to write one")
    try:
        data = parse(text, path.suffix.lower())
    except SyntaxProblem as problem:
        raise _error(source, problem.message, problem.remedy, problem.line) from None
    return parse_config(data, source)


def parse_config(data: Any, source: str) -> RouterConfig:
    """The configuration that ``data``, the content of ``source``, describes.

    Raises:
        ConfigError: It cannot be used; lists every problem at once.
    """
    if not isinstance(data, dict) or not data:
        raise _error(
            source,
            "must hold a table with the key tiers",
            "Run tiered-router init to write an example",
        )
    content, prefix = _without_wrapper(data, source)
    try:
        config = RouterConfig.model_validate(content)
    except ValidationError as error:
        raise ConfigError(from_validation(error, source, data, prefix)) from None
    except RecursionError:
        raise _error(source, "is nested too deeply", "Flatten it") from None
    config = with_origin(config, source)
    return with_origin(config, source, _literal_secrets(config))


def _without_wrapper(data: dict[str, Any], source: str) -> tuple[Any, tuple[str, ...]]:
    """The content of ``routing:``, under which other tools' files keep it."""
    if "routing" not in data:
        return data, ()
    others = [key for key in data if key != "routing"]
    if others:
        raise ConfigError(
            Problem(
                source=source,
                path=str(key),
                message="is outside of routing",
                remedy="Move it under routing, or everything out of routing",
            )
            for key in others
        )
    if not isinstance(data["routing"], dict):
        raise _error(source, "routing must hold a table", "Put tiers under routing")
    return data["routing"], ("routing",)


def _literal_secrets(config: RouterConfig) -> tuple[Problem, ...]:
    return tuple(
        config.problem(
            key,
            "holds a secret in the file",
            "Put it into an environment variable and name that in api_key_env",
            name,
        )
        for key, endpoint in config.endpoints().items()
        for name, present in {
            "api_key": endpoint.api_key is not None,
            **{name: name in endpoint.llm for name in SECRETS},
            "extra_headers": any(map(is_secret_name, _headers(endpoint.llm))),
        }.items()
        if present
    )


def _headers(llm: Mapping[str, Any]) -> list[str]:
    headers = llm.get("extra_headers")
    return [str(name) for name in headers] if isinstance(headers, dict) else []


def _read_text(path: Path) -> str:
    source = str(path)
    if path.suffix.lower() not in PARSERS:
        formats = ", ".join(PARSERS)
        raise _error(source, "is of no known format", f"Name it with one of {formats}")
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise _error(source, "is not a file", "Give the path of a file")
        if status.st_size > MAX_BYTES:
            size = f"{status.st_size / 1e6:.1f} MB"
            raise _error(
                source, f"is too big ({size})", "Give a configuration, at most 1 MB"
            )
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise _error(
            source, "does not exist", "Check the path, or run tiered-router init"
        ) from None
    except UnicodeDecodeError:
        raise _error(source, "is not UTF-8 text", "Save it as UTF-8") from None
    except (OSError, ValueError) as error:
        if isinstance(error, ConfigError):
            raise
        reason = getattr(error, "strerror", None) or "the path is not valid"
        raise _error(
            source, f"cannot be read: {reason}", "Check the path and its permissions"
        ) from None


def _error(
    source: str, message: str, remedy: str, line: int | None = None
) -> ConfigError:
    return ConfigError(
        [Problem(source=source, message=message, remedy=remedy, line=line)]
    )
