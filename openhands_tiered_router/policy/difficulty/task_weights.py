"""The fitted numbers of the task score: where they come from and what they hold."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError

from openhands_tiered_router.policy.difficulty.dimensions import GRAPH_SIGNALS, NAMES
from openhands_tiered_router.policy.difficulty.text_cues import CueModel


FORMAT: Final = 1
"""Version of the profile file."""
_CUE_MODELS: Final = ("question_ambiguity", "breadth", "reasoning_cues")


class ProfileError(ValueError):
    """A profile file that cannot be used; says which, where and what to do."""


def _exactly(names: Iterable[str]) -> AfterValidator:
    wanted = frozenset(names)

    def check[T](found: Mapping[str, T]) -> Mapping[str, T]:
        if wrong := wanted.symmetric_difference(found):
            raise ValueError(f"missing or unknown: {', '.join(sorted(wrong))}")
        return found

    return AfterValidator(check)


_Number = Annotated[float, Field(strict=True, ge=-100, le=100, allow_inf_nan=False)]
_Weight = Annotated[_Number, Field(ge=0)]
_Share = Annotated[_Weight, Field(le=1)]


@dataclass(frozen=True, slots=True)
class Head:
    """A linear score: ``base`` plus each dimension's value times its weight."""

    base: Annotated[_Number, Field(ge=-1)]
    weights: Annotated[Mapping[str, _Weight], _exactly(NAMES)]
    """By dimension name; not below 0, so a higher value never lowers the score."""


@dataclass(frozen=True, slots=True)
class DifficultyFit:
    """How far a score tells a task's difficulty (`policy.value`)."""

    centre: _Weight
    """Score of the mean issue, at which it tells nothing."""
    slope: _Weight
    """Standard deviations of difficulty for 1 of score."""
    reach: _Weight
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
    cues: Annotated[Mapping[str, CueModel], _exactly(_CUE_MODELS)]
    neutral: Annotated[Mapping[str, _Share], _exactly(GRAPH_SIGNALS)]
    """Value of a graph dimension while there is no graph."""
    difficulty: DifficultyFit
    """What the score says of how hard a task is."""


@lru_cache(maxsize=1)
def default_weights() -> TaskWeights:
    """The weights that the package ships with; read once."""
    source = files("openhands_tiered_router.policy.difficulty") / "data" / "task.json"
    return weights_of(json.loads(source.read_text("utf-8")), "task.json")


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
    try:
        return _adapter().validate_python(raw)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise ProfileError(f"{source}: {place}: {first['msg']}") from None


@lru_cache(maxsize=1)
def _adapter() -> TypeAdapter[TaskWeights]:
    return TypeAdapter(TaskWeights)
