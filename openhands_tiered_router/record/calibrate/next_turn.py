"""Fitting the next-turn model to recorded sessions of several agents.

Agents count alike in the calibration, and by the square root of their turns in the
trees. Folds are grouped by task, so that no task is on both sides; besides, each agent
is left out once, which tells how the model does for one that it has never seen.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from openhands_tiered_router.policy.difficulty.escalation import escalation
from openhands_tiered_router.policy.difficulty.next_turn import LEAF, own
from openhands_tiered_router.policy.difficulty.next_turn_features import NAMES, features
from openhands_tiered_router.policy.economics.dynamics import OUTLOOKS, outlook
from openhands_tiered_router.policy.policy import Policy
from openhands_tiered_router.policy.session import SessionState
from openhands_tiered_router.record.calibrate.agents import (
    Predicted,
    agent_figures,
    agent_weights,
    expected_calibration_error,
    families,
    reliability,
)
from openhands_tiered_router.record.calibrate.numeric import numerics
from openhands_tiered_router.record.replay.sessions import RecordedSession


TREES: Final = 100
LEAVES: Final = 160
"""Leaves of a tree at most: beyond, cross-validated AUC gains less than .002."""
LEAST: Final = 5
"""Turns in a leaf at least."""
POWER: Final = 0.5
"""Of ``agent_weights`` for the trees: at 1, 5,655 turns of one agent would teach no
more than 744 of another, and held-out AUC is .001 to .01 less for every agent."""
FEATURES: Final = 0.3
"""Share of the features that a split may choose from."""
FOLDS: Final = 8
SEED: Final = 0
_QUANTILES: Final = 8
_DIGITS: Final = 4
_TREE_DIGITS: Final = 3
"""Of thresholds and probabilities in the file: one more changes no figure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One turn: what stood before it, and what it was."""

    agent: str
    task: str
    session: str
    turn: int
    row: Sequence[float] | None
    """``None``: hard by definition."""
    hard: bool
    """By the measure: see ``samples_of``."""
    forced: bool
    """Whether evidence keeps it on the base tier by default."""
    output: float
    """Tokens."""
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class NextTurnFit:
    """The model's file, and what each turn got from a model that never saw its task."""

    data: dict[str, Any]
    held_out: Mapping[tuple[str, int], float]
    """Probability by session and turn, from cross-validation grouped by task."""


def samples_of(sessions: Iterable[RecordedSession], agent: str = "") -> list[Sample]:
    """Every turn of the sessions with the features that stood before it.

    Hard is what ``session.is_hard`` calls so, and what follows a result with the words
    of a failure in it, even if that was only read: the cautious reading of a recording,
    in which nobody can be asked.
    """
    found: list[Sample] = []
    for session in sessions:
        state = SessionState().knowing(session.tools)
        for number, turn in enumerate(session.turns):
            state = state.fold(turn.before)
            row = None if state.must_be_hard else features(state)
            spoke = state.last is not None and state.last.speaks_of_failure
            forced = state.after_user or escalation(state, Policy()) is not None
            state = state.fold((turn.answer,))
            last = state.last
            assert last is not None
            found.append(
                Sample(
                    agent=agent,
                    task=session.task,
                    session=session.id,
                    turn=number,
                    row=row,
                    hard=last.hard or spoke,
                    forced=forced,
                    output=turn.usage.completion,
                    seconds=turn.end - turn.start,
                )
            )
    return found


def fit_next_turn(agents: Mapping[str, Sequence[RecordedSession]]) -> NextTurnFit:
    """Fits the trees; takes a minute or two.

    Args:
        agents: Recorded sessions by the agent that they are of.

    Raises:
        MissingExtraError: scikit-learn is not installed.
        ValueError: There are fewer tasks than folds.
    """
    samples = [s for name, found in agents.items() for s in samples_of(found, name)]
    tasks = len({s.task for s in samples})
    if tasks < FOLDS:
        raise ValueError(
            f"next-turn model: {FOLDS} tasks or more are needed to check a fit, got "
            f"{tasks}; record more sessions"
        )
    with numerics():
        return _fit(samples, sum(map(len, agents.values())))


def write_next_turn(fit: NextTurnFit, path: Path) -> None:
    """Writes the model's file."""
    path.write_text(json.dumps(fit.data, separators=(",", ":")) + "\n", "utf-8")


def _fit(samples: Sequence[Sample], sessions: int) -> NextTurnFit:
    import numpy as np
    from sklearn.model_selection import GroupKFold

    known = [s for s in samples if s.row is not None]
    x = np.array([s.row for s in known], dtype=np.float32)
    y = np.array([not s.hard for s in known], dtype=int)
    tasks = np.array([s.task for s in known])
    agents = np.array([s.agent for s in known])
    folds = GroupKFold(FOLDS, shuffle=True, random_state=SEED).split(x, y, tasks)
    pooled = _held_out(np, x, y, agents, [test for _, test in folds])
    family = families(set(agents))
    of_family = np.array([family[agent] for agent in agents])
    groups = [np.flatnonzero(of_family == name) for name in sorted(set(of_family))]
    left_out = _held_out(np, x, y, agents, groups) if len(groups) > 1 else None
    by_turn = _by_turn(samples, known, pooled.probabilities)
    predicted = _predicted(samples, by_turn)
    alone = left_out and _predicted(
        samples, _by_turn(samples, known, left_out.probabilities)
    )
    curve = reliability([p.probability for p in predicted], [p.true for p in predicted])
    data = {
        "features": list(NAMES),
        "slope": round(pooled.slope, _DIGITS),
        "intercept": round(pooled.intercept, _DIGITS),
        "fitted": {
            "sessions": sessions,
            "tasks": len(set(tasks)),
            "turns": len(samples),
            "mechanical": round(sum(p.true for p in predicted) / len(samples), _DIGITS),
            "folds": FOLDS,
            "agents": agent_figures(predicted),
            "left_out": agent_figures(alone) if alone else {},
            "ece": round(expected_calibration_error(curve), _DIGITS),
            "reliability": curve,
        },
        "dynamics": _dynamics(samples, by_turn),
        "trees": [
            _tree(e.tree_)
            for e in _trees(x, y, agent_weights(agents.tolist(), POWER)).estimators_
        ],
    }
    return NextTurnFit(data=data, held_out=by_turn)


@dataclass(frozen=True, slots=True)
class _HeldOut:
    """What each known turn got from trees that were fitted to the others."""

    probabilities: Any
    slope: float
    intercept: float


def _held_out(np: Any, x: Any, y: Any, agents: Any, parts: Sequence[Any]) -> _HeldOut:
    """Predictions for each part by trees and a calibration that never saw it."""
    weights = np.array(agent_weights(agents.tolist()))
    means = np.zeros(len(y))
    for part in parts:
        rest = np.setdiff1d(np.arange(len(y)), part)
        balanced = np.array(agent_weights(agents[rest].tolist(), POWER))
        means[part] = _trees(x[rest], y[rest], balanced).predict_proba(x[part])[:, 1]
    means = np.clip(means, 0.001, 0.999)
    logits, habits = np.log(means / (1 - means)), np.array([own(row) for row in x])
    found = np.zeros(len(y))
    for part in parts:
        rest = np.setdiff1d(np.arange(len(y)), part)
        slope, intercept = _scaled(logits[rest], habits[rest], y[rest], weights[rest])
        odds = slope * logits[part] + habits[part] + intercept
        found[part] = 1 / (1 + np.exp(-odds))
    return _HeldOut(found, *_scaled(logits, habits, y, weights))


def _scaled(logits: Any, habits: Any, y: Any, weights: Any) -> tuple[float, float]:
    """Slope and intercept of the most likely logistic calibration (Platt 1999)."""
    import numpy as np
    from scipy.optimize import minimize

    def loss(given: Any) -> float:
        odds = given[0] * logits + habits + given[1]
        return float(weights @ (np.logaddexp(0, odds) - y * odds))

    slope, intercept = minimize(loss, (1.0, 0.0)).x
    return float(slope), float(intercept)


def _by_turn(
    samples: Sequence[Sample], known: Sequence[Sample], held_out: Sequence[float]
) -> dict[tuple[str, int], float]:
    by_turn = {(s.session, s.turn): 0.0 for s in samples}
    for s, p in zip(known, held_out, strict=True):
        by_turn[s.session, s.turn] = float(p)
    return by_turn


def _predicted(
    samples: Sequence[Sample], by_turn: Mapping[tuple[str, int], float]
) -> list[Predicted]:
    return [
        Predicted(
            agent=s.agent,
            task=s.task,
            probability=by_turn[s.session, s.turn],
            true=not s.hard,
            known=s.row is not None,
        )
        for s in samples
    ]


def _trees(x: Any, y: Any, weights: Any = None) -> Any:
    from sklearn.ensemble import ExtraTreesClassifier

    settings: dict[str, Any] = {
        "n_estimators": TREES,
        "max_leaf_nodes": LEAVES,
        "min_samples_leaf": LEAST,
        "max_features": FEATURES,
        "random_state": SEED,
        "n_jobs": 1,
    }
    return ExtraTreesClassifier(**settings).fit(x, y, weights)


def _tree(tree: Any) -> dict[str, list[Any]]:
    """In preorder, so that a left branch needs no index."""
    feature: list[int] = []
    threshold: list[float] = []
    right: list[int] = []

    def visit(node: int) -> None:
        here = len(feature)
        if tree.children_left[node] < 0:
            share = tree.value[node][0]
            feature.append(LEAF)
            threshold.append(round(float(share[1] / share.sum()), _TREE_DIGITS))
            right.append(0)
            return
        feature.append(int(tree.feature[node]))
        threshold.append(round(float(tree.threshold[node]), _TREE_DIGITS))
        right.append(0)
        visit(tree.children_left[node])
        right[here] = len(feature)
        visit(tree.children_right[node])

    visit(0)
    return {"feature": feature, "threshold": threshold, "right": right}


def _dynamics(
    samples: Sequence[Sample], held_out: Mapping[tuple[str, int], float]
) -> dict[str, Any]:
    """How outlooks follow each other, their hard share, output and times.

    Agents count alike, as in the trees; else the one with the most recorded turns
    would say what the others' turns are like. Times are relative to a session's own.
    """
    import numpy as np

    chain = np.full((OUTLOOKS, OUTLOOKS), 0.5)
    of: list[list[int]] = [[] for _ in range(OUTLOOKS)]
    pace = _paces(samples)
    weights = np.array(agent_weights([s.agent for s in samples]))
    before: tuple[str, int] | None = None
    for i, s in enumerate(samples):
        seen = outlook(held_out[s.session, s.turn], s.forced)
        of[seen].append(i)
        if before and before[0] == s.session:
            chain[before[1], seen] += weights[i]
        before = (s.session, seen)
    hard = np.array([float(s.hard) for s in samples])
    output = np.array([s.output for s in samples])
    times = np.array([s.seconds / pace[s.session] for s in samples])
    middle = (np.arange(_QUANTILES) + 0.5) / _QUANTILES
    return {
        "next": (chain / chain.sum(axis=1, keepdims=True)).round(_DIGITS).tolist(),
        "hard": [
            round(float(np.average(hard[g], weights=weights[g])), _DIGITS) for g in of
        ],
        "output": [
            round(float(np.average(output[g], weights=weights[g])), 1) for g in of
        ],
        "times": [np.quantile(times[g], middle).round(_DIGITS).tolist() for g in of],
    }


def _paces(samples: Sequence[Sample]) -> dict[str, float]:
    """Geometric mean of the turns' seconds, by session."""
    import numpy as np

    seconds: dict[str, list[float]] = {}
    for s in samples:
        seconds.setdefault(s.session, []).append(max(s.seconds, 0.5))
    return {k: float(np.exp(np.mean(np.log(v)))) for k, v in seconds.items()}
