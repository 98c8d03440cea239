"""The trees of the next turn, and their calibrations, fitted and held out.

Agents count alike in the calibrations, and by a power of their turns in the trees.
Folds are grouped by task, so that no task is on both sides; besides, each agent is
left out once: that tells how the model does for one that it has never seen, and fits
the calibration for such agents.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from openhands_tiered_router.policy.difficulty.next_turn import LEAF, Calibration
from openhands_tiered_router.policy.difficulty.next_turn_features import habit
from openhands_tiered_router.policy.tools import KNOWN
from openhands_tiered_router.record.calibrate.agents import agent_weights, families


TREES: Final = 64
LEAVES: Final = 300
"""Leaves of a tree at most. 100 trees of 160 leaves are nearly as large a file, and in
cross-validation .002 of AUC worse for agents of the fit."""
LEAST: Final = 3
"""Turns in a leaf at least."""
POWER: Final = 0.4
"""Of ``agent_weights`` for the trees: at 1, 5,655 turns of one agent would teach no
more than 744 of another, and held-out AUC is .006 less on average."""
FEATURES: Final = 0.3
"""Share of the features that a split may choose from."""
FOLDS: Final = 8
SEED: Final = 0
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
    tools: frozenset[str]
    """Names of those called lately."""
    hard: bool
    """By the measure: see ``samples_of``."""
    forced: bool
    """Whether evidence keeps it on the base tier by default."""
    output: float
    """Tokens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnData:
    """The turns that the model is asked about, as arrays of the same length."""

    x: Any
    y: Any
    """1: mechanical."""
    tasks: Any
    agents: Any
    habits: Any
    tools: Sequence[frozenset[str]]
    vocabularies: Mapping[str, frozenset[str]]
    """By agent, the names of its tools."""

    @classmethod
    def of(cls, known: Sequence[Sample]) -> TurnData:
        import numpy as np

        used: dict[str, frozenset[str]] = {}
        for s in known:
            used[s.agent] = used.get(s.agent, frozenset()) | s.tools
        return cls(
            x=np.array([s.row for s in known], dtype=np.float32),
            y=np.array([not s.hard for s in known], dtype=int),
            tasks=np.array([s.task for s in known]),
            agents=np.array([s.agent for s in known]),
            habits=np.array([habit(s.row) for s in known if s.row]),
            tools=[s.tools for s in known],
            vocabularies={agent: vocabulary(names) for agent, names in used.items()},
        )

    def folds(self) -> list[Any]:
        """Rows of each fold; all of a task are in one."""
        from sklearn.model_selection import GroupKFold

        folds = GroupKFold(FOLDS, shuffle=True, random_state=SEED)
        return [test for _, test in folds.split(self.x, self.y, self.tasks)]

    def families(self) -> list[Any]:
        """Rows of each agent, its versions together."""
        import numpy as np

        family = families(set(self.agents))
        of_row = np.array([family[agent] for agent in self.agents])
        return [np.flatnonzero(of_row == name) for name in sorted(set(of_row))]

    def rest(self, part: Any) -> Any:
        """Rows that are not in the part."""
        import numpy as np

        return np.setdiff1d(np.arange(len(self.y)), part)

    def trees(self, rows: Any) -> Any:
        """Trees fitted to those rows."""
        weights = agent_weights(self.agents[rows].tolist(), POWER)
        return fitted_trees(self.x[rows], self.y[rows], weights)

    def held_out(self, parts: Sequence[Any]) -> Any:
        """Log odds of each row, by trees that never saw its part."""
        import numpy as np

        means = np.full(len(self.y), 0.5)
        if len(parts) > 1:
            for part in parts:
                trees = self.trees(self.rest(part))
                shares = trees.predict_proba(self.x[part])
                # One column: all that they were fitted to was of one kind.
                means[part] = shares[:, 1] if shares.shape[1] > 1 else trees.classes_[0]
        means = np.clip(means, 0.001, 0.999)
        return np.log(means / (1 - means))

    def calibration(self, logits: Any, rows: Any) -> Calibration:
        """The most likely one, by those rows; agents weigh the same."""
        import numpy as np
        from scipy.optimize import minimize

        x = np.column_stack((logits, self.habits, np.ones(len(logits))))[rows]
        y, weights = self.y[rows], np.array(agent_weights(self.agents[rows].tolist()))

        def loss(given: Any) -> float:
            odds = x @ given
            return float(weights @ (np.logaddexp(0, odds) - y * odds))

        return Calibration(*map(float, minimize(loss, (1.0, 0.0, 0.0)).x))

    def probabilities(self, logits: Any, rows: Any, by: Calibration) -> Any:
        """Of those rows, by that calibration."""
        import numpy as np

        odds = by.slope * logits[rows] + by.habit * self.habits[rows] + by.intercept
        return 1 / (1 + np.exp(-odds))

    def calibrated(self, logits: Any, parts: Sequence[Any]) -> Any:
        """Probabilities of each part, by a calibration that was fitted to the rest."""
        import numpy as np

        found = np.zeros(len(self.y))
        for part in parts:
            fitted = self.calibration(logits, self.rest(part))
            found[part] = self.probabilities(logits, part, fitted)
        return found

    def left_out(self, pooled: Any, logits: Any) -> Any:
        """Probabilities of each agent, as if it had never been seen.

        Turns that use none but the tools of another agent are taken for that agent's,
        as they will be (``NextTurnModel``). ``None``: there is one family of agents.
        """
        parts = self.families()
        if len(parts) < 2:
            return None
        found = self.calibrated(logits, parts)
        for part in parts:
            rest = self.rest(part)
            others = [self.vocabularies[agent] for agent in set(self.agents[rest])]
            alike = [i for i in part if any(self.tools[i] <= o for o in others)]
            fitted = self.calibration(pooled, rest)
            found[alike] = self.probabilities(logits, alike, fitted)
        return found


def vocabulary(used: frozenset[str]) -> frozenset[str]:
    """Those tools, and all of an agent in ``KNOWN`` if no other has them.

    >>> "file_editor" in vocabulary(frozenset({"execute_bash"}))
    True
    >>> sorted(vocabulary(frozenset({"bash"})))
    ['bash']
    """
    rows = [frozenset(" ".join(own.values()).split()) for own in KNOWN.values()]
    having = [names for names in rows if used <= names]
    return used | having[0] if len(having) == 1 else used


def fitted_trees(x: Any, y: Any, weights: Any = None) -> Any:
    """Extremely randomised trees (Geurts, Ernst and Wehenkel 2006)."""
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


def exported(tree: Any) -> dict[str, list[Any]]:
    """A tree as the file has it: in preorder, so that a left branch needs no index."""
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
