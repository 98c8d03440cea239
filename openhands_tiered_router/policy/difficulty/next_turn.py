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

from openhands_tiered_router.policy.difficulty.next_turn_features import NAMES, features
from openhands_tiered_router.policy.session import SessionState


LEAF: Final = -1
"""In a tree's ``feature``: the node is a leaf, and ``threshold`` its probability."""
OWN_WEIGHT: Final = 0.1
"""What the log odds of the session's own share of mechanical turns after such a turn
add. They make up for what trees that were fitted to other agents get wrong throughout
a session. Chosen on held-out turns: more helps agents that were left out of the fit and
costs those that were in it."""
_OWN: Final = NAMES.index("kind_rate")
_OWN_LIMITS: Final = (0.05, 0.95)
"""Kept from the ends, where a few turns would weigh more than all trees."""


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


@dataclass(frozen=True, kw_only=True)
class NextTurnModel:
    """Trees, their calibration, and how it was measured."""

    trees: tuple[Tree, ...]
    slope: float
    intercept: float
    """Of the logistic calibration (Platt 1999) of the trees' mean, beside ``own``."""
    fitted: Mapping[str, Any] = field(default_factory=dict)
    """Sample, cross-validated figures and version of the fit."""

    def probability(self, session: SessionState) -> float:
        """P(the coming turn is mechanical), in [0, 1].

        Exactly 0 at the first turn and after a failure, by definition.
        """
        if session.must_be_hard:
            return 0.0
        return self.of_row(features(session))

    @cached_property
    def _roots(self) -> list[Any]:
        """The trees as nested tuples, which are walked a third faster than lists."""
        return [_nested(tree) for tree in self.trees]

    def of_row(self, row: Sequence[float]) -> float:
        """The probability for the numbers of ``NAMES``."""
        total = 0.0
        for node in self._roots:
            while node.__class__ is tuple:
                feature, threshold, left, right = node
                node = left if row[feature] <= threshold else right
            total += node
        mean = min(max(total / len(self.trees), 0.001), 0.999)
        logit = self.slope * math.log(mean / (1 - mean)) + own(row) + self.intercept
        return 1 / (1 + math.exp(-logit))


def own(row: Sequence[float]) -> float:
    """What the session's own habit adds to the log odds."""
    low, high = _OWN_LIMITS
    share = min(max(row[_OWN], low), high)
    return OWN_WEIGHT * math.log(share / (1 - share))


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
            slope=float(data["slope"]),
            intercept=float(data["intercept"]),
            fitted=data.get("fitted", {}),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ModelFileError(
            f"{type(error).__name__}: {error}; fit the model anew with "
            "'tiered-router calibrate'"
        ) from None
