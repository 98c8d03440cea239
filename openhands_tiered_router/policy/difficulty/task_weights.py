"""The fitted numbers of the task score: where they come from and what they hold."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from openhands_tiered_router.policy.difficulty.dimensions import GRAPH_SIGNALS, NAMES
from openhands_tiered_router.policy.difficulty.text_cues import CueModel


FORMAT: Final = 1
"""Version of the profile file."""
_CUE_MODELS: Final = ("question_ambiguity", "breadth", "reasoning_cues")
_MOST_BYTES: Final = 1_000_000


class ProfileError(ValueError):
    """A profile file that cannot be used; says which, where and what to do."""


@dataclass(frozen=True, slots=True)
class Head:
    """A linear score: ``base`` plus each dimension's value times its weight."""

    base: float
    weights: Mapping[str, float]
    """By dimension name; not below 0, so a higher value never lowers the score."""


@dataclass(frozen=True, slots=True)
class DifficultyFit:
    """How far a score tells a task's difficulty (`policy.value`)."""

    centre: float
    """Score of the mean issue, at which it tells nothing."""
    slope: float
    """Standard deviations of difficulty for 1 of score."""
    reach: float
    """Distance from the centre beyond which no more is concluded: further out than
    the scores of the fitted issues nothing has been seen."""

    def shift(self, score: float) -> float:
        """How far a task of that score is above the mean difficulty, in its standard
        deviations; below 0: easier."""
        off = min(max(score - self.centre, -self.reach), self.reach)
        return self.slope * off


@dataclass(frozen=True)
class TaskWeights:
    """Everything that turns a request into a score."""

    prompt: Head
    """For single prompts; fitted to labelled ones."""
    issue: Head
    """For reports about code; fitted to how often models failed on them."""
    cues: Mapping[str, CueModel]
    neutral: Mapping[str, float]
    """Value of a graph dimension while there is no graph."""
    difficulty: DifficultyFit
    """What the score says of how hard a task is."""


@lru_cache(maxsize=1)
def default_weights() -> TaskWeights:
    """The weights that the package ships with; read once."""
    source = files("openhands_tiered_router.policy.difficulty") / "data" / "task.json"
    return weights_of(json.loads(source.read_text("utf-8")), "task.json")


def load_weights(path: str | Path) -> TaskWeights:
    """The weights in a profile file, as ``calibrate`` writes it.

    Raises:
        ProfileError: The file cannot be read or is no profile.
    """
    try:
        if Path(path).stat().st_size > _MOST_BYTES:
            raise ProfileError(f"{path}: larger than any profile is")
        raw = json.loads(Path(path).read_text("utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ProfileError(f"{path}: cannot be read as JSON: {error}") from None
    return weights_of(raw, str(path))


def weights_of(raw: Any, source: str) -> TaskWeights:
    """The weights in a profile's JSON.

    Raises:
        ProfileError: Something is missing, of a wrong type or out of range.
    """
    if not isinstance(raw, Mapping) or raw.get("format") != FORMAT:
        raise ProfileError(
            f"{source}: no profile of format {FORMAT}; write one anew with "
            "tiered-router calibrate"
        )
    heads = _mapping(raw, "heads", source)
    names = ("centre", "slope", "reach")
    difficulty = _numbers(raw, "difficulty", names, source)
    cues = _mapping(raw, "cues", source)
    return TaskWeights(
        prompt=_head(heads, "prompt", source),
        issue=_head(heads, "issue", source),
        cues={name: _cue_model(cues, name, source) for name in _CUE_MODELS},
        neutral=_numbers(raw, "neutral", tuple(GRAPH_SIGNALS), source, most=1.0),
        difficulty=DifficultyFit(**difficulty),
    )


def _head(heads: Mapping[str, Any], name: str, source: str) -> Head:
    raw = _mapping(heads, name, f"{source}: heads")
    base = _number(raw.get("base"), f"{source}: heads.{name}.base", least=-1.0)
    return Head(base, _numbers(raw, "weights", NAMES, f"{source}: heads.{name}"))


def _cue_model(cues: Mapping[str, Any], name: str, source: str) -> CueModel:
    raw = _mapping(cues, name, f"{source}: cues")
    where = f"{source}: cues.{name}"
    weights = _mapping(raw, "weights", where)
    return CueModel(
        intercept=_number(raw.get("intercept"), f"{where}.intercept", least=-100.0),
        weights={k: _number(v, f"{where}.{k}", least=-100) for k, v in weights.items()},
    )


def _numbers(
    raw: Mapping[str, Any],
    key: str,
    names: tuple[str, ...],
    source: str,
    most: float = 100.0,
) -> dict[str, float]:
    found = _mapping(raw, key, source)
    if set(found) != set(names):
        wrong = ", ".join(sorted(set(found) ^ set(names)))
        raise ProfileError(f"{source}: {key}: missing or unknown: {wrong}")
    return {n: _number(found[n], f"{source}: {key}.{n}", most=most) for n in names}


def _mapping(raw: Mapping[str, Any], key: str, source: str) -> Mapping[str, Any]:
    value = raw.get(key)
    if not isinstance(value, Mapping):
        raise ProfileError(f"{source}: {key}: expected an object")
    return value


def _number(
    value: Any, where: str, *, least: float = 0.0, most: float = 100.0
) -> float:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not least <= value <= most:
        raise ProfileError(
            f"{where}: expected a number from {least:g} to {most:g}, got {value!r}"
        )
    return float(value)
