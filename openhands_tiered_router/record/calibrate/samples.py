"""Reading labelled prompts and issues with outcomes; every line is checked."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from openhands_tiered_router.record.replay.sessions import open_text
from openhands_tiered_router.tiers import Tier


_MOST_LINE: Final = 10_000_000
"""Bytes of one line; a longer one is no sample."""


class SampleError(ValueError):
    """A sample file that cannot be used; names the file, the line and the field."""


@dataclass(frozen=True, slots=True)
class PromptSample:
    """A single prompt with the tier that a person gave it."""

    id: str
    text: str
    tier: Tier
    language: str
    source: str = ""
    """Who gave the labels: what one author calls complex is not all that is."""


@dataclass(frozen=True, slots=True)
class IssueSample:
    """An issue with what became of it under several models."""

    id: str
    text: str
    repository: str
    commit: str
    failed: Mapping[str, bool]
    """Model to whether it failed to resolve the issue."""


Sample = PromptSample | IssueSample


def read_samples(path: Path) -> list[Sample]:
    """The samples of a JSON Lines file, plain or gzipped.

    A line with ``prompt`` and ``tier`` is a prompt; one with ``problem_statement`` and
    ``outcomes`` is an issue. Further fields, a reference patch among them, are not
    looked at.

    Raises:
        SampleError: The file cannot be read, or a line is neither.
    """
    try:
        return [_sample(raw, where) for raw, where in json_lines(path)]
    except (OSError, UnicodeDecodeError, EOFError) as error:
        raise SampleError(f"{path}: cannot be read: {error}") from None


def with_outcomes(
    samples: Iterable[Sample], outcomes: Mapping[str, Mapping[str, bool]]
) -> list[Sample]:
    """The samples, issues with the outcomes of another file where it has them.

    Args:
        samples: What was read.
        outcomes: By instance, model to whether it solved it.
    """
    return [
        replace(s, failed={m: not solved for m, solved in outcomes[s.id].items()})
        if isinstance(s, IssueSample) and s.id in outcomes
        else s
        for s in samples
    ]


def holds_recordings(path: Path) -> bool:
    """Whether a path can only hold what agents did: no prompts, issues or outcomes.

    A directory, one JSON document, or lines of which the first is no sample.

    Raises:
        SampleError: The file cannot be read.
    """
    if path.is_dir() or path.name.endswith((".json", ".traj")):
        return True
    raw = _first(path)
    return isinstance(raw, dict) and bool(raw) and _SAMPLES.isdisjoint(raw)


_SAMPLES: Final = frozenset({"prompt", "problem_statement", "outcomes"})


def json_lines(path: Path) -> Iterator[tuple[Any, str]]:
    """What each line of a file holds, with ``file:line`` for messages.

    Raises:
        SampleError: A line is no JSON.
        OSError: The file cannot be read.
    """
    for number, line in _lines(path):
        where = f"{path}:{number}"
        try:
            yield json.loads(line), where
        except (json.JSONDecodeError, RecursionError):
            raise SampleError(f"{where}: is no JSON") from None


def holds_outcomes(path: Path) -> bool:
    """Whether a file's first line is a task's outcomes by model, without its text.

    Raises:
        SampleError: The file cannot be read.
    """
    raw = _first(path)
    return (
        isinstance(raw, dict) and "outcomes" in raw and "problem_statement" not in raw
    )


def _first(path: Path) -> Any:
    """What a file's first line holds; ``None`` if that is no JSON."""
    try:
        _, line = next(_lines(path), (0, "null"))
        return json.loads(line)
    except (OSError, UnicodeDecodeError, EOFError) as error:
        raise SampleError(f"{path}: cannot be read: {error}") from None
    except (json.JSONDecodeError, RecursionError):
        return None


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    with open_text(path) as lines:
        number = 0
        while line := lines.readline(_MOST_LINE):
            number += 1
            if line.strip():
                yield number, line


def _sample(raw: Any, where: str) -> Sample:
    if not isinstance(raw, dict):
        raise SampleError(f"{where}: expected an object")
    if "problem_statement" in raw:
        return _issue(raw, where)
    if "prompt" in raw:
        return _prompt(raw, where)
    raise SampleError(
        f"{where}: neither a labelled prompt (prompt, tier) nor an issue with outcomes "
        "(problem_statement, repo, base_commit, outcomes)"
    )


def _prompt(raw: Mapping[str, Any], where: str) -> PromptSample:
    try:
        tier = Tier.parse(_text(raw, "tier", where))
    except ValueError as error:
        raise SampleError(f"{where}: tier: {error}") from None
    return PromptSample(
        id=str(raw.get("id", where)),
        text=_text(raw, "prompt", where),
        tier=tier,
        language=str(raw.get("lang", "")),
        source=str(raw.get("source", "")),
    )


def _issue(raw: Mapping[str, Any], where: str) -> IssueSample:
    outcomes = raw.get("outcomes")
    if not isinstance(outcomes, dict) or not outcomes:
        raise SampleError(f"{where}: outcomes: expected models with their results")
    failed = {}
    for model, outcome in outcomes.items():
        solved = outcome[0] if isinstance(outcome, list) and outcome else outcome
        if not isinstance(solved, bool | int):
            raise SampleError(f"{where}: outcomes: expected [resolved, usd, calls]")
        failed[model] = not solved
    return IssueSample(
        id=str(raw.get("instance_id", where)),
        text=_text(raw, "problem_statement", where),
        repository=_text(raw, "repo", where),
        commit=str(raw.get("base_commit", "")),
        failed=failed,
    )


def _text(raw: Mapping[str, Any], key: str, where: str) -> str:
    value = raw.get(key)
    if not isinstance(value, str):
        raise SampleError(f"{where}: {key}: expected text")
    return value
