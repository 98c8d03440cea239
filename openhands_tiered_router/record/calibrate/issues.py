"""Fits what issues tell: the head for reports about code."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Final

from openhands_tiered_router.policy.difficulty.dimensions import (
    GRAPH_SIGNALS,
    TEXT_SIGNALS,
    GraphFacts,
    TextInput,
)
from openhands_tiered_router.policy.difficulty.task_weights import Head, TaskWeights
from openhands_tiered_router.policy.difficulty.text import user_text
from openhands_tiered_router.policy.difficulty.text_cues import CueModel, cues_of
from openhands_tiered_router.record.calibrate.samples import IssueSample, Outcome


if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    type Floats = NDArray[np.float64]

FITTED: Final = (*TEXT_SIGNALS, *GRAPH_SIGNALS)
"""Dimensions of an issue before the run; there is no conversation yet."""

FEWEST: Final = 2
MOST: Final = 5
"""How many dimensions begin with equal weights, the others with none. With a few
hundred issues equal weights hold up better than freely fitted ones (Dawes 1979)."""

RIDGE: Final = 300.0
"""How firmly weights are held at what they begin with: about one per issue."""

CENTRE: Final = 0.75
"""Score of the mean issue: the middle of ``complex``, where hard tasks start."""
SPREAD: Final = 0.06
"""Standard deviation of issues' scores: one in twenty passes each limit of the tier,
as a ranking this weak (docs/scoring.md) can bear."""

TEXT_SHARE: Final = math.sqrt(0.5)
"""Standard deviation of the text's part of such a score, over the whole score's."""

_CONSTANT: Final = 0.01
"""Standard deviation up to which a dimension says nothing: scores are stretched, so one
that hardly varies would get a weight of many times the others'. Judgement."""


@dataclass(frozen=True)
class Issues:
    """Issues with outcomes, as dimension values."""

    ids: Sequence[str]
    repositories: Sequence[str]
    values: Floats
    """One row an issue, one column a dimension of ``FITTED``; NaN: not known."""
    failed: Floats
    """One row an issue, one column a model: 1 where it failed, NaN: not tried."""
    models: Sequence[str]

    @property
    def with_graph(self) -> int:
        """Issues whose graph has been asked."""
        import numpy as np  # optional extra

        return int((~np.isnan(self.values).any(1)).sum())

    @classmethod
    def of(
        cls,
        samples: Sequence[IssueSample],
        graphs: Mapping[str, GraphFacts],
        cues: Mapping[str, CueModel],
    ) -> Issues:
        """Reads them; ``graphs`` may lack issues, which then have no graph values."""
        import numpy as np  # optional extra

        models = sorted(set().union(*(s.outcomes for s in samples)))
        return cls(
            ids=[s.id for s in samples],
            repositories=[s.repository for s in samples],
            values=np.array([_values(s, graphs.get(s.id), cues) for s in samples]),
            failed=np.array(
                [[_failed(s.outcomes.get(m)) for m in models] for s in samples]
            ),
            models=models,
        )


def _failed(outcome: Outcome | None) -> float:
    return math.nan if outcome is None else float(not outcome.solved)


def _values(
    sample: IssueSample, graph: GraphFacts | None, cues: Mapping[str, CueModel]
) -> list[float]:
    text = user_text(sample.text)
    x = TextInput(
        text=text,
        cues=cues_of(text),
        openness=cues["question_ambiguity"],
        breadth=cues["breadth"],
        reasoning=cues["reasoning_cues"],
    )
    own = [f(x).value for f in TEXT_SIGNALS.values()]
    if graph is None:
        return [*own, *[math.nan] * len(GRAPH_SIGNALS)]
    return [*own, *(f(graph).value for f in GRAPH_SIGNALS.values())]


@dataclass(frozen=True)
class IssueFit:
    """What was fitted to issues."""

    head: Head
    neutral: dict[str, float]
    """Mean of each graph dimension: its value where there is no graph."""

    def scores(self, values: Floats) -> Floats:
        """The score of each row of dimension values."""
        import numpy as np  # as above

        weights = np.array([self.head.weights[name] for name in FITTED])
        neutral = np.array([self.neutral.get(name, 0.0) for name in FITTED])
        return self.head.base + np.where(np.isnan(values), neutral, values) @ weights


def with_graph_of(fit: IssueFit, current: TaskWeights) -> IssueFit:
    """A fit to texts alone, with the graph's weights as they were.

    Each part gets half of the score's variance, as neither is known to rank better.
    """
    graph = {n: current.issue.weights[n] for n in GRAPH_SIGNALS}
    neutral = {n: current.neutral[n] for n in GRAPH_SIGNALS}
    text = {n: round(fit.head.weights[n] * TEXT_SHARE, 4) for n in TEXT_SIGNALS}
    before = CENTRE - fit.head.base  # what the mean text adds
    base = (
        CENTRE - before * TEXT_SHARE - sum(graph[n] * neutral[n] for n in GRAPH_SIGNALS)
    )
    return IssueFit(Head(round(base, 4), {**text, **graph}), neutral)


def fit_issues(values: Floats, failed: Floats) -> IssueFit:
    """Ridge regression of the share of models that failed, held at equal weights.

    Which dimensions have these is chosen from the same issues. Weights are not below
    0, in units of a dimension's standard deviation while they are fitted. The result
    is moved and stretched to ``CENTRE`` and ``SPREAD``, which changes no ranking.
    """
    import numpy as np  # as above
    from scipy.optimize import lsq_linear

    known = np.ma.masked_invalid(values)
    mean, deviation = known.mean(0).filled(0.5), known.std(0).filled(0.0)
    deviation = np.where(deviation > _CONSTANT, deviation, np.inf)
    z = np.nan_to_num((values - mean) / deviation)
    target = np.nanmean(failed, 1) - np.nanmean(failed)
    begin = _chosen(z, target)
    along = z @ begin
    begin *= max(along @ target / max(along @ along, 1e-9), 1e-3)
    count = len(FITTED)
    design = np.vstack([z, math.sqrt(RIDGE) * np.eye(count)])
    goal = np.concatenate([target, math.sqrt(RIDGE) * begin])
    per_deviation = lsq_linear(design, goal, bounds=(0, np.inf)).x
    stretch = SPREAD / max(float((z @ per_deviation).std()), 1e-9)
    weights = np.round(per_deviation * stretch / deviation, 4)
    neutral = np.round(mean, 4)
    return IssueFit(
        head=Head(
            base=round(float(CENTRE - mean @ weights), 4),
            weights=dict(zip(FITTED, map(float, weights), strict=True)),
        ),
        neutral={
            n: float(m)
            for n, m in zip(FITTED, neutral, strict=True)
            if n in GRAPH_SIGNALS
        },
    )


def _chosen(z: Floats, target: Floats) -> Floats:
    """1 for the dimensions whose plain sum correlates most with the target, else 0.

    All thousand choices are tried on each sample anew, so that what is held out from
    a fit has no part in its choice; between equals the smallest wins.
    """
    import numpy as np  # as above

    count = z.shape[1]
    sizes = range(FEWEST, MOST + 1)
    choices = [list(c) for n in sizes for c in combinations(range(count), n)]
    begin = np.zeros((count, len(choices)))
    for column, chosen in enumerate(choices):
        begin[chosen, column] = 1.0
    sums = z @ begin
    deviations = np.maximum(sums.std(0), 1e-9)  # a sum that never varies: 0, not NaN
    return begin[:, np.argmax((target - target.mean()) @ sums / deviations)]


def held_out_scores(issues: Issues, *, graph: bool) -> Floats:
    """Each issue's score by a fit to the other repositories' issues.

    Args:
        graph: Whether the held-out issues' graphs are looked at.
    """
    import numpy as np  # as above

    repositories = np.array(issues.repositories)
    scores = np.zeros(len(issues.ids))
    for repository in sorted(set(issues.repositories)):
        held = repositories == repository
        fit = fit_issues(issues.values[~held], issues.failed[~held])
        values = issues.values[held].copy()
        if not graph:
            values[:, len(TEXT_SIGNALS) :] = np.nan
        scores[held] = fit.scores(values)
    return scores


def mean_auc(scores: Floats, failed: Floats) -> float:
    """P(a failed issue is scored above a solved one), mean over the models.

    Models that failed on all or none are left out; NaN if that leaves none.
    """
    import numpy as np  # as above
    from scipy.stats import rankdata

    areas = []
    for column in failed.T:
        tried = ~np.isnan(column)
        ranks, column = rankdata(scores[tried]), column[tried]
        positive = column == 1
        n, m = int(positive.sum()), int((column == 0).sum())
        if n and m:
            areas.append((ranks[positive].sum() - n * (n + 1) / 2) / (n * m))
    return float(np.mean(areas)) if areas else math.nan
