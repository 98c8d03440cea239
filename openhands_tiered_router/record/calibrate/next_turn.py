"""Fitting the next-turn model to recorded sessions, grouped by task."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from openhands_tiered_router.policy.economics.dynamics import OUTLOOKS, outlook
from openhands_tiered_router.policy.need.escalation import escalation
from openhands_tiered_router.policy.need.next_turn import LEAF
from openhands_tiered_router.policy.need.next_turn_features import NAMES, features
from openhands_tiered_router.policy.policy import Policy
from openhands_tiered_router.policy.session import SessionState
from openhands_tiered_router.record.calibrate.numeric import numerics
from openhands_tiered_router.record.replay.sessions import RecordedSession


TREES: Final = 150
LEAVES: Final = 100
"""Leaves of a tree at most: beyond, cross-validated AUC gains less than .002."""
LEAST: Final = 5
"""Turns in a leaf at least."""
FEATURES: Final = 0.4
"""Share of the features that a split may choose from."""
FOLDS: Final = 8
SEED: Final = 0
_QUANTILES: Final = 8
_DIGITS: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One turn: what stood before it, and what it was."""

    task: str
    session: str
    turn: int
    row: Sequence[float] | None
    """``None``: hard by definition."""
    hard: bool
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


def samples_of(sessions: Iterable[RecordedSession]) -> list[Sample]:
    """Every turn of the sessions with the features that stood before it."""
    found: list[Sample] = []
    for session in sessions:
        state = SessionState()
        for number, turn in enumerate(session.turns):
            state = state.fold(turn.before)
            row = None if state.must_be_hard else features(state)
            forced = state.after_user or escalation(state, Policy()) is not None
            state = state.fold((turn.answer,))
            last = state.last
            assert last is not None
            found.append(
                Sample(
                    task=session.task,
                    session=session.id,
                    turn=number,
                    row=row,
                    hard=last.hard,
                    forced=forced,
                    output=turn.usage.completion,
                    seconds=turn.end - turn.start,
                )
            )
    return found


def fit_next_turn(sessions: Sequence[RecordedSession]) -> NextTurnFit:
    """Fits the trees; takes a minute or two.

    Raises:
        MissingExtraError: scikit-learn is not installed.
        ValueError: There are fewer tasks than folds.
    """
    samples = samples_of(sessions)
    if len({s.task for s in samples}) < FOLDS:
        raise ValueError(
            f"next-turn model: {FOLDS} tasks or more are needed to check a fit, got "
            f"{len({s.task for s in samples})}; record more sessions"
        )
    with numerics():
        return _fit(samples, len(sessions))


def write_next_turn(fit: NextTurnFit, path: Path) -> None:
    """Writes the model's file."""
    path.write_text(json.dumps(fit.data, separators=(",", ":")) + "\n", "utf-8")


def _fit(samples: Sequence[Sample], sessions: int) -> NextTurnFit:
    import numpy as np
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import GroupKFold

    known = [s for s in samples if s.row is not None]
    x = np.array([s.row for s in known])
    y = np.array([not s.hard for s in known], dtype=int)
    tasks = np.array([s.task for s in known])
    raw = np.zeros(len(known))
    held_out = np.zeros(len(known))
    folds = GroupKFold(FOLDS, shuffle=True, random_state=SEED).split(x, y, tasks)
    tests = []
    for train, test in folds:
        raw[test] = _trees(x[train], y[train]).predict_proba(x[test])[:, 1]
        tests.append(test)
    logits = _logit(np, raw)
    for test in tests:
        rest = np.setdiff1d(np.arange(len(known)), test)
        scaled = LogisticRegression(C=100).fit(logits[rest], y[rest])
        held_out[test] = scaled.predict_proba(logits[test])[:, 1]
    scale = LogisticRegression(C=100).fit(logits, y)
    by_turn = {(s.session, s.turn): 0.0 for s in samples}
    for s, p in zip(known, held_out, strict=True):
        by_turn[s.session, s.turn] = float(p)
    p = np.array([by_turn[s.session, s.turn] for s in samples])
    truth = np.array([not s.hard for s in samples], dtype=int)
    curve = reliability(p.tolist(), truth.tolist())
    data = {
        "features": list(NAMES),
        "slope": round(float(scale.coef_[0, 0]), _DIGITS),
        "intercept": round(float(scale.intercept_[0]), _DIGITS),
        "fitted": {
            "sessions": sessions,
            "tasks": len(set(tasks)),
            "turns": len(samples),
            "mechanical": round(float(truth.mean()), _DIGITS),
            "folds": FOLDS,
            "auc": round(float(roc_auc_score(truth, p)), _DIGITS),
            "auc_open": round(float(roc_auc_score(y, held_out)), _DIGITS),
            "ece": round(expected_calibration_error(curve), _DIGITS),
            "reliability": curve,
        },
        "dynamics": _dynamics(samples, by_turn),
        "trees": [_tree(e.tree_) for e in _trees(x, y).estimators_],
    }
    return NextTurnFit(data=data, held_out=by_turn)


def reliability(
    probabilities: Sequence[float], truth: Sequence[int], bins: int = 10
) -> list[tuple[int, float, float]]:
    """Count, mean probability and share of true cases of each tenth of [0, 1]."""
    cells: list[list[tuple[float, int]]] = [[] for _ in range(bins)]
    for p, true in zip(probabilities, truth, strict=True):
        cells[min(int(p * bins), bins - 1)].append((p, true))
    return [
        (
            len(cell),
            round(sum(p for p, _ in cell) / len(cell), _DIGITS),
            round(sum(true for _, true in cell) / len(cell), _DIGITS),
        )
        for cell in cells
        if cell
    ]


def expected_calibration_error(curve: Sequence[tuple[int, float, float]]) -> float:
    """Mean distance of probability and share, weighted by count (Naeini 2015)."""
    total = sum(count for count, _, _ in curve)
    return sum(count * abs(p - share) for count, p, share in curve) / total


def _trees(x: Any, y: Any) -> Any:
    from sklearn.ensemble import ExtraTreesClassifier

    settings: dict[str, Any] = {
        "n_estimators": TREES,
        "max_leaf_nodes": LEAVES,
        "min_samples_leaf": LEAST,
        "max_features": FEATURES,
        "random_state": SEED,
        "n_jobs": 1,
    }
    return ExtraTreesClassifier(**settings).fit(x, y)


def _logit(np: Any, p: Any) -> Any:
    p = np.clip(p, 0.001, 0.999)
    return np.log(p / (1 - p))[:, None]


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
            threshold.append(round(float(share[1] / share.sum()), _DIGITS))
            right.append(0)
            return
        feature.append(int(tree.feature[node]))
        threshold.append(round(float(tree.threshold[node]), _DIGITS))
        right.append(0)
        visit(tree.children_left[node])
        right[here] = len(feature)
        visit(tree.children_right[node])

    visit(0)
    return {"feature": feature, "threshold": threshold, "right": right}


def _dynamics(
    samples: Sequence[Sample], held_out: Mapping[tuple[str, int], float]
) -> dict[str, Any]:
    """How outlooks follow each other, their hard share, output and times."""
    import numpy as np

    chain = np.full((OUTLOOKS, OUTLOOKS), 0.5)
    of: list[list[Sample]] = [[] for _ in range(OUTLOOKS)]
    pace = _paces(samples)
    before: tuple[str, int] | None = None
    for s in samples:
        seen = outlook(held_out[s.session, s.turn], s.forced)
        of[seen].append(s)
        if before and before[0] == s.session:
            chain[before[1], seen] += 1
        before = (s.session, seen)
    middle = (np.arange(_QUANTILES) + 0.5) / _QUANTILES
    return {
        "next": (chain / chain.sum(axis=1, keepdims=True)).round(_DIGITS).tolist(),
        "hard": [round(sum(s.hard for s in g) / len(g), _DIGITS) for g in of],
        "output": [round(sum(s.output for s in g) / len(g), 1) for g in of],
        "times": [
            np.quantile([s.seconds / pace[s.session] for s in g], middle)
            .round(_DIGITS)
            .tolist()
            for g in of
        ],
    }


def _paces(samples: Sequence[Sample]) -> dict[str, float]:
    """Geometric mean of the turns' seconds, by session."""
    import numpy as np

    seconds: dict[str, list[float]] = {}
    for s in samples:
        seconds.setdefault(s.session, []).append(max(s.seconds, 0.5))
    return {k: float(np.exp(np.mean(np.log(v)))) for k, v in seconds.items()}
