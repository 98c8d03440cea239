"""The file of what was fitted to a user's own data: ``fitted`` in ``[policy]``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from openhands_tiered_router.policy.difficulty.next_turn import (
    ModelFileError,
    NextTurnModel,
    Tree,
    model_of,
)
from openhands_tiered_router.policy.difficulty.next_turn_features import NAMES
from openhands_tiered_router.policy.difficulty.task import TaskScorer
from openhands_tiered_router.policy.difficulty.task_weights import (
    ProfileError,
    TaskWeights,
    weights_of,
)


FORMAT: Final = 1
_MOST_BYTES: Final = 20_000_000


class FittedError(ValueError):
    """A file that cannot be used; says which, where and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """What was fitted; ``None`` or empty: that part is the package's own."""

    task: TaskWeights | None = None
    next_turn: NextTurnModel | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)
    """By part: samples, intervals, held-out figures."""


def load_fitted(path: Path) -> Fitted:
    """What the file holds; a file that has not changed is read once.

    Raises:
        FittedError: It cannot be read, or does not fit this release.
    """
    try:
        status = path.stat()
        return _load(path, status.st_mtime_ns, status.st_size)
    except (OSError, UnicodeDecodeError, RecursionError, json.JSONDecodeError) as error:
        name = type(error).__name__
        raise FittedError(
            f"{path}: cannot be read ({name}); write it anew with "
            "'tiered-router calibrate --fitted'"
        ) from None


@lru_cache(maxsize=8)
def _load(path: Path, changed: int, size: int) -> Fitted:  # noqa: ARG001
    if size > _MOST_BYTES:
        raise FittedError(f"{path}: larger than any such file is")
    return fitted_of(json.loads(path.read_text("utf-8")), str(path))


def fitted_of(raw: Any, source: str) -> Fitted:
    """What the file's JSON says.

    Raises:
        FittedError: Something is missing, of a wrong type or out of range.
    """
    if not isinstance(raw, dict) or raw.get("fitted") != FORMAT:
        raise FittedError(
            f"{source}: fitted: no file of format {FORMAT}; write it anew with "
            "'tiered-router calibrate --fitted'"
        )
    try:
        task, model = raw.get("task"), raw.get("next_turn")
        return Fitted(
            task=None if task is None else weights_of(task, f"{source}: task"),
            next_turn=None if model is None else _checked(model_of(model)),
            evidence=raw.get("evidence", {}),
        )
    except ProfileError as error:
        raise FittedError(str(error)) from None
    except (ModelFileError, AttributeError) as error:
        raise FittedError(f"{source}: next_turn: {error}") from None


def models_of(fitted: Fitted | None) -> dict[str, Any]:
    """The fitted models by the names of ``standard_rules``' arguments."""
    if fitted is None:
        return {}
    scorer = None if fitted.task is None else TaskScorer(fitted.task)
    return {"scorer": scorer, "next_turn": fitted.next_turn}


def _checked(model: NextTurnModel) -> NextTurnModel:
    """A model whose trees can be walked to an end."""
    if not model.trees or not all(map(_ends, model.trees)):
        raise ModelFileError("trees: not as 'tiered-router calibrate' writes them")
    return model


def _ends(tree: Tree) -> bool:
    count = len(tree.feature)
    if not count == len(tree.threshold) == len(tree.right) or not count:
        return False
    if not all(isinstance(t, int | float) for t in tree.threshold):
        return False
    return all(
        f < 0 or (f < len(NAMES) and node + 1 < count and node < right < count)
        for node, (f, right) in enumerate(zip(tree.feature, tree.right, strict=True))
        if isinstance(f, int) and isinstance(right, int)
    ) and all(isinstance(i, int) for i in (*tree.feature, *tree.right))
