"""A configuration without a file: ``SIMPLE_MODEL=...`` and its siblings."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, Final

from pydantic import ValidationError

from openhands_tiered_router.config.errors import ConfigError, Problem
from openhands_tiered_router.config.problems import explain, from_validation
from openhands_tiered_router.config.schema import (
    RouterConfig,
    keys_of,
    sections,
    with_origin,
)
from openhands_tiered_router.tiers import Tier


SOURCE: Final = "environment"
PREFIX: Final = "TIERED_ROUTER_"


def config_from_env(environ: Mapping[str, str]) -> RouterConfig:
    """The configuration that environment variables describe.

    ``SIMPLE_MODEL`` (several models parted by commas are several endpoints),
    ``SIMPLE_BASE_URL`` and ``SIMPLE_API_KEY``, likewise for ``MEDIUM``, ``COMPLEX``
    and ``REASONING``; ``TIERED_ROUTER_DEFAULT_TIER``; and any key of a section as
    ``TIERED_ROUTER_<SECTION>_<KEY>``. Keys are not read here, only when they are
    needed.

    Raises:
        ConfigError: No tier has a model, or a variable has a bad value; lists all.
    """
    variables: dict[tuple[str | int, ...], str] = {}
    data: dict[str, Any] = {"tiers": _tiers(environ, variables)}
    unknown = _settings(environ, data, variables)
    if not data["tiers"]:
        names = ", ".join(f"{_upper(tier)}_MODEL" for tier in Tier)
        unknown.append(_problem(names, "none is set", "Set at least COMPLEX_MODEL"))
        raise ConfigError(unknown)
    try:
        config = RouterConfig.model_validate(data)
    except ValidationError as error:
        raise ConfigError(unknown + _by_variable(error, variables)) from None
    if unknown:
        raise ConfigError(unknown)
    return with_origin(config, SOURCE, _warnings(environ))


def has_env_config(environ: Mapping[str, str]) -> bool:
    """Whether any tier's model is set in the environment."""
    return any(environ.get(f"{_upper(tier)}_MODEL", "").strip() for tier in Tier)


def _tiers(
    environ: Mapping[str, str], variables: dict[tuple[str | int, ...], str]
) -> dict[str, Any]:
    tiers: dict[str, Any] = {}
    for tier in Tier:
        name = _upper(tier)
        text = environ.get(f"{name}_MODEL", "")
        models = [model.strip() for model in text.split(",") if model.strip()]
        if not models:
            continue
        shared = {
            key: f"{name}_{suffix}"
            for key, suffix in (("base_url", "BASE_URL"), ("api_key_env", "API_KEY"))
            if environ.get(f"{name}_{suffix}", "").strip()
        }
        values = {
            "api_key_env": shared.get("api_key_env"),
            "base_url": environ.get(f"{name}_BASE_URL", "").strip(),
        }
        tiers[str(tier)] = {
            "endpoints": [
                {"model": model, **{key: values[key] for key in shared}}
                for model in models
            ]
        }
        base = ("tiers", str(tier), "endpoints")
        for number in range(len(models)):
            variables[*base, number, "model"] = f"{name}_MODEL"
            variables |= {(*base, number, key): var for key, var in shared.items()}
    return tiers


def _settings(
    environ: Mapping[str, str],
    data: dict[str, Any],
    variables: dict[tuple[str | int, ...], str],
) -> list[Problem]:
    """Take ``TIERED_ROUTER_*`` into ``data``; returns the misspelt ones."""
    known: dict[str, tuple[str, ...]] = {f"{PREFIX}DEFAULT_TIER": ("default_tier",)}
    tables = {name: model for name, model in sections().items() if name != "budgets"}
    for section, model in tables.items():
        for key in keys_of(model):
            known[f"{PREFIX}{section}_{key}".upper()] = (section, key)
    problems: list[Problem] = []
    starts = tuple(f"{PREFIX}{section}_".upper() for section in tables)
    for name, value in environ.items():
        if name in known:
            path = known[name]
            variables[path] = name
            table = data.setdefault(path[0], {}) if len(path) == 2 else data
            table[path[-1]] = value
        elif name.startswith(starts):
            close = get_close_matches(name, known, n=1)
            remedy = f"Did you mean {close[0]}?" if close else "Unset it"
            problems.append(_problem(name, "is not a known variable", remedy))
    return problems


def _by_variable(
    error: ValidationError, variables: Mapping[tuple[str | int, ...], str]
) -> list[Problem]:
    problems: list[Problem] = []
    for detail in error.errors(include_url=False):
        name = variables.get(detail["loc"])
        if name is None:
            return from_validation(error, SOURCE, {})
        problems.append(_problem(name, *explain(detail)))
    return problems


def _warnings(environ: Mapping[str, str]) -> tuple[Problem, ...]:
    return tuple(
        _problem(
            f"{_upper(tier)}_BASE_URL",
            f"has no effect without {_upper(tier)}_MODEL",
            f"Set {_upper(tier)}_MODEL, or unset it",
        )
        for tier in Tier
        if environ.get(f"{_upper(tier)}_BASE_URL")
        and not environ.get(f"{_upper(tier)}_MODEL", "").strip()
    )


def _problem(name: str, message: str, remedy: str) -> Problem:
    return Problem(source=SOURCE, path=name, message=message, remedy=remedy)


def _upper(tier: Tier) -> str:
    return str(tier).upper()
