"""Reading labelled prompts, issues, and outcomes; every line is checked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import (
    BeforeValidator,
    Field,
    StrictBool,
    StrictFloat,
    StrictStr,
    TypeAdapter,
    ValidationError,
)

from openhands_tiered_router.policy.value.table import BENCHMARKS, Work
from openhands_tiered_router.record.replay.sessions import SessionError, read_rows
from openhands_tiered_router.tiers import Tier


class SampleError(ValueError):
    """A sample file that cannot be used; names the file, the line and the field."""


def _tier(value: Any) -> Any:
    return value if isinstance(value, Tier) else Tier.parse(str(value))


def _outcome(value: Any) -> Any:
    """``[resolved, usd, ...]``, or whether it was resolved alone."""
    if isinstance(value, list) and value:
        return {"solved": value[0], "usd": value[1] if len(value) > 1 else None}
    return {"solved": value} if isinstance(value, bool) else value


@dataclass(frozen=True, slots=True)
class PromptSample:
    """A single prompt with the tier that a person gave it."""

    id: str
    text: Annotated[StrictStr, Field(validation_alias="prompt")]
    tier: Annotated[Tier, BeforeValidator(_tier)]
    language: Annotated[str, Field(validation_alias="lang")] = ""
    source: str = ""
    """Who gave the labels: what one author calls complex is not all that is."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one model did with one task."""

    solved: StrictBool
    usd: StrictFloat | None = None


_Outcomes = Annotated[
    Mapping[str, Annotated[Outcome, BeforeValidator(_outcome)]], Field(min_length=1)
]


@dataclass(frozen=True, slots=True)
class Task:
    """One instance of a benchmark with what became of it, by model."""

    id: Annotated[str, Field(validation_alias="instance_id")]
    benchmark: str
    outcomes: _Outcomes


@dataclass(frozen=True, slots=True)
class IssueSample:
    """An issue with what became of it, by model."""

    id: Annotated[str, Field(validation_alias="instance_id")]
    text: Annotated[StrictStr, Field(validation_alias="problem_statement")]
    repository: Annotated[StrictStr, Field(validation_alias="repo")]
    commit: Annotated[StrictStr, Field(validation_alias="base_commit")]
    outcomes: _Outcomes


Sample = PromptSample | IssueSample | Task


def read_samples(path: Path) -> list[Sample]:
    """The samples of a JSON Lines file, plain or gzipped.

    A line with ``problem_statement`` is an issue, one with ``prompt`` a prompt, one
    with ``outcomes`` (model to [resolved, usd, ...]) alone a task. Further fields, a
    reference patch among them, are not looked at.

    Raises:
        SampleError: The file cannot be read, or a line is none of these.
    """
    return [_sample(raw, where) for raw, where in _objects(path)]


def read_tasks(path: Path) -> list[Task]:
    """What became of each task of such a file; of issues without their text.

    Raises:
        SampleError: As for ``read_samples``, or a line has no outcomes.
    """
    return [_checked(Task, raw, where) for raw, where in _objects(path)]


def with_outcomes(samples: Sequence[Sample]) -> list[PromptSample | IssueSample]:
    """Prompts and issues; these with the outcomes of the tasks among the samples.

    Those count that are work on reported bugs, as the issues are.
    """
    known = {
        s.id: s.outcomes
        for s in samples
        if isinstance(s, Task) and BENCHMARKS.get(s.benchmark) is Work.BUGS
    }
    return [
        replace(s, outcomes=known.get(s.id, s.outcomes))
        if isinstance(s, IssueSample)
        else s
        for s in samples
        if not isinstance(s, Task)
    ]


def holds_recordings(path: Path) -> bool:
    """Whether a path can only hold what agents did: no prompts, issues or outcomes.

    A directory, one JSON document, or lines of which the first is no sample.
    """
    if path.is_dir() or path.name.endswith((".json", ".traj")):
        return True
    try:
        _, raw = next(read_rows(path), (0, {}))
    except SessionError:
        return False  # what is wrong with it is said when it is read
    return bool(raw) and _KINDS.keys().isdisjoint(raw)


_KINDS: Final[Mapping[str, type[Sample]]] = {
    "problem_statement": IssueSample,
    "prompt": PromptSample,
    "outcomes": Task,
}
"""By the field that tells them, in order."""


def _objects(path: Path) -> Iterator[tuple[Mapping[str, Any], str]]:
    """What each line holds, with its place for messages."""
    try:
        for number, raw in read_rows(path):
            yield raw, f"{path}:{number}"
    except SessionError as error:
        raise SampleError(str(error)) from None


def _sample(raw: Mapping[str, Any], where: str) -> Sample:
    kind = next((kind for field, kind in _KINDS.items() if field in raw), None)
    if kind is None:
        raise SampleError(
            f"{where}: neither a labelled prompt (prompt, tier) nor an issue with "
            "outcomes (problem_statement, repo, base_commit, outcomes) nor a task "
            "(instance_id, outcomes)"
        )
    return _checked(kind, raw, where)


def _checked[T: Sample](kind: type[T], raw: Mapping[str, Any], where: str) -> T:
    try:
        return _adapter(kind).validate_python({**_BLANK, "id": where, **raw})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise SampleError(f"{where}: {place}: {first['msg']}") from None


_BLANK: Final = {"benchmark": "", "base_commit": ""}


@cache
def _adapter(kind: type[Sample]) -> TypeAdapter[Any]:
    return TypeAdapter(kind)
