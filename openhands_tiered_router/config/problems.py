"""Turning pydantic's errors into problems that name the place and the remedy."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from openhands_tiered_router import fields
from openhands_tiered_router.config.endpoint import EndpointConfig
from openhands_tiered_router.config.errors import Problem
from openhands_tiered_router.config.llm_fields import RESERVED, llm_field_names
from openhands_tiered_router.config.schema import TierConfig, keys_of, section_at
from openhands_tiered_router.redaction import HIDDEN, looks_secret, shown


_GATHERED: Final = ("llm", "long_context")
"""Fields that hold keys which stand one level higher in the file."""

type KeyPath = tuple[str | int, ...]


def from_validation(
    error: ValidationError,
    source: str,
    data: Any,
    prefix: KeyPath = (),
) -> list[Problem]:
    """Every fault in ``error``, placed in ``data``, the content of the file.

    ``prefix`` is where the checked part begins in the file.
    """
    return [
        Problem(
            source=source,
            path=render_path(_path_in_file(detail["loc"], data, prefix)),
            message=message,
            remedy=remedy,
        )
        for detail in error.errors(include_url=False)
        for message, remedy in (explain(detail),)
    ]


def render_path(path: Iterable[str | int]) -> str:
    """``("tiers", "simple", "endpoints", 0)`` as ``tiers.simple.endpoints[0]``."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            name = HIDDEN if looks_secret(step) else step[:60]
            text += f".{name}" if text else name
    return text


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """What the misspelt ``name`` was probably meant to be, as a remedy."""
    names = sorted(known)
    close = get_close_matches(name, names, n=1, cutoff=0.6)
    if close:
        return f"Did you mean {close[0]}?"
    return f"Remove it; the keys here are {', '.join(names)}"


def _path_in_file(loc: KeyPath, data: Any, prefix: KeyPath) -> KeyPath:
    """``loc`` without the steps that the models add to what the file says."""
    path: list[str | int] = []
    here = data
    steps = [*prefix, *loc]
    for number, step in enumerate(steps):
        last = number == len(steps) - 1
        found, inner = _step_into(here, step)
        names_what_is_missing = last and isinstance(here, dict)
        if not found and (step in _GATHERED or not names_what_is_missing):
            continue
        path.append(step)
        here = inner
    return tuple(path)


def _step_into(here: Any, step: str | int) -> tuple[bool, Any]:
    if isinstance(here, dict) and step in here:
        return True, here[step]
    if isinstance(here, list) and isinstance(step, int) and step < len(here):
        return True, here[step]
    return False, here


def explain(detail: ErrorDetails) -> tuple[str, str]:
    """What is wrong, and what to do about it."""
    if detail["type"] == "extra_forbidden":
        return "is not a known key", _remedy_for_unknown(detail["loc"])
    name = str(detail["loc"][-1]) if detail["loc"] else ""
    return fields.explain(detail, shown(detail["input"], name))


def _remedy_for_unknown(loc: KeyPath) -> str:
    name = str(loc[-1])
    section = section_at(loc[:-1])
    if section is None:
        return "Remove it"
    if name in RESERVED and section is EndpointConfig:
        return RESERVED[name][0].upper() + RESERVED[name][1:]
    if section is TierConfig and name in EndpointConfig.model_fields:
        return "Write it in a table of its own, [[tiers.<tier>.endpoints]]"
    known = {*keys_of(section)} - {*_GATHERED}
    if section is EndpointConfig:
        close = get_close_matches(name, known | (llm_field_names() or set()), n=1)
        known |= set(close)
    return did_you_mean(name, known)
