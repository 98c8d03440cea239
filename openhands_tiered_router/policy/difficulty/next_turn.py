"""How probable it is that the coming turn is mechanical.

Extremely randomised trees (Geurts, Ernst and Wehenkel 2006), fitted by
``tiered-router calibrate`` and kept as numbers in ``data/next_turn.json``; read here
without any library. Fitted to sessions of five agents (docs/benchmarks.md).
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib.resources import files
from typing import Any, Final, Protocol

from openhands_tiered_router.policy.difficulty.next_turn_features import (
    NAMES,
    features,
    habit,
)
from openhands_tiered_router.policy.session import SessionState
from openhands_tiered_router.policy.tools import tool_name


LEAF: Final = -1
"""In a tree's ``feature``: the node is a leaf, and ``threshold`` its probability."""


class ModelFileError(ValueError):
    """A model file that does not fit this version; says what to do."""


@dataclass(frozen=True, slots=True)
class Tree:
    """A decision tree in preorder: the left branch is the node that follows."""

    feature: Sequence[int]
    """Index into ``NAMES``, or ``LEAF``."""
    threshold: Sequence[float]
    """Up to and including it goes left."""
    right: Sequence[int]


class PredictsTurns(Protocol):
    """What tells how probable a mechanical turn is."""

    def probability(self, session: SessionState) -> float:
        """P(the coming turn is mechanical), in [0, 1]."""
        ...


@dataclass(frozen=True, slots=True)
class Calibration:
    """From the trees' mean to a probability, by logistic regression (Platt 1999)."""

    slope: float
    """Of the log odds of that mean."""
    habit: float
    """Of the session's own log odds, see ``next_turn_features.habit``."""
    intercept: float

    def __call__(self, mean: float, row: Sequence[float]) -> float:
        mean = min(max(mean, 0.001), 0.999)
        odds = self.slope * math.log(mean / (1 - mean))
        odds += self.habit * habit(row) + self.intercept
        return 1 / (1 + math.exp(-odds))


@dataclass(frozen=True, kw_only=True)
class NextTurnModel:
    """Trees, their calibrations, and how they were measured."""

    trees: tuple[Tree, ...]
    known: Calibration
    """For the agents that the trees were fitted to."""
    unknown: Calibration | None = None
    """For others, fitted to agents that were left out of the trees: these believe the
    trees less and what the session itself shows more. ``None``: as for the known."""
    agents: tuple[frozenset[str], ...] = ()
    """Names of the tools of each agent that the trees were fitted to."""
    fitted: Mapping[str, Any] = field(default_factory=dict)
    """Sample, cross-validated figures and version of the fit."""

    def probability(self, session: SessionState) -> float:
        """P(the coming turn is mechanical), in [0, 1].

        Exactly 0 at the first turn and after a failure, by definition.
        """
        if session.must_be_hard:
            return 0.0
        row = features(session)
        calibration = self.known
        if self.unknown is not None and not self._knows(session):
            calibration = self.unknown
        return calibration(self.mean(row), row)

    def _knows(self, session: SessionState) -> bool:
        """Whether it uses the tools of one of the agents of the fit, and no others."""
        used = tools_of(session)
        return any(used <= tools for tools in self.agents)

    @cached_property
    def _roots(self) -> list[Any]:
        """The trees as nested tuples, which are walked a third faster than lists."""
        return [_nested(tree) for tree in self.trees]

    def mean(self, row: Sequence[float]) -> float:
        """What the trees say on average to the numbers of ``NAMES``, in [0, 1]."""
        total = 0.0
        for node in self._roots:
            while node.__class__ is tuple:
                feature, threshold, left, right = node
                node = left if row[feature] <= threshold else right
            total += node
        return total / len(self.trees)


def tools_of(session: SessionState) -> frozenset[str]:
    """Names of the tools that were called lately, as ``tools.KNOWN`` writes them."""
    return frozenset(tool_name(a.tool) for turn in session.recent for a in turn.actions)


def _nested(tree: Tree) -> Any:
    """``(feature, threshold, left, right)``, a leaf being its probability.

    From the last node back, as children come after their parents.
    """
    nodes: list[Any] = [0.0] * len(tree.feature)
    for i in reversed(range(len(nodes))):
        feature, threshold = tree.feature[i], tree.threshold[i]
        nodes[i] = threshold
        if feature != LEAF:
            nodes[i] = (feature, threshold, nodes[i + 1], nodes[tree.right[i]])
    return nodes[0]


@cache
def default_model() -> NextTurnModel:
    """The model that comes with the package; read once, some milliseconds."""
    text = files("openhands_tiered_router.policy.difficulty.data").joinpath(
        "next_turn.json"
    )
    return model_of(json.loads(text.read_text(encoding="utf-8")))


def model_of(data: Mapping[str, Any]) -> NextTurnModel:
    """The model from its file's content.

    Raises:
        ModelFileError: It was fitted for other features, or is incomplete.
    """
    given = data.get("features")
    if not isinstance(given, list) or tuple(given) != NAMES:
        raise ModelFileError(
            "features: not those of this version; fit the model anew with "
            "'tiered-router calibrate'"
        )
    try:
        return NextTurnModel(
            trees=tuple(
                Tree(t["feature"], t["threshold"], t["right"]) for t in data["trees"]
            ),
            known=_calibration(data["known"]),
            unknown=_calibration(data["unknown"]) if data["unknown"] else None,
            agents=tuple(frozenset(map(str, names)) for names in data["agents"]),
            fitted=data.get("fitted", {}),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ModelFileError(
            f"{type(error).__name__}: {error}; fit the model anew with "
            "'tiered-router calibrate'"
        ) from None


def _calibration(data: Mapping[str, Any]) -> Calibration:
    names = ("slope", "habit", "intercept")
    return Calibration(*(float(data[name]) for name in names))
