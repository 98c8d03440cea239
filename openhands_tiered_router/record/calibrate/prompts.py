"""Fits what single prompts tell: the models of their wording, and the prompt head."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from openhands_tiered_router.policy.difficulty.dimensions import TEXT_SIGNALS, TextInput
from openhands_tiered_router.policy.difficulty.task_weights import Head
from openhands_tiered_router.policy.difficulty.text import UserText, user_text
from openhands_tiered_router.policy.difficulty.text_cues import CueModel, Cues, cues_of
from openhands_tiered_router.record.calibrate.samples import PromptSample, SampleError
from openhands_tiered_router.tiers import DEFAULT_MAX_COMPLEXITY, Tier


if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    type Floats = NDArray[np.float64]
    type Ints = NDArray[np.int64]

FOLDS: Final = 10
_INNER_FOLDS: Final = 5
_SOFTNESS: Final = 0.05
"""How far, in score, a prompt should stay from a tier's limit."""
_UNDER_ROUTED: Final = 1.3
"""What a prompt below its tier costs the fit, over one above it: a weak answer is
worse than a dear one. The best of 1 to 1.5 on prompts of eleven other sources."""
_HEAD_RIDGE: Final = 0.02
_CUE_STRENGTH: Final = 1.0
"""scikit-learn's C: the inverse of the L2 penalty on a cue's log odds."""
_ALIKE: Final = 0.5
"""Share of common four-letter sequences from which two prompts are one template."""
_COMMON: Final = 400
"""Prompts that hold a sequence, from which it says nothing about likeness."""

_TASKS: Final[dict[str, Tier]] = {
    # The limit that each model of the wording is about. Together they are an ordinal
    # model (McCullagh 1980), which reads other authors' prompts better than models
    # that leave tiers out: a proof whose wording is seen half still counts as hard.
    "question_ambiguity": Tier.SIMPLE,
    "breadth": Tier.MEDIUM,
    "reasoning_cues": Tier.COMPLEX,
}


@dataclass(frozen=True)
class Prompts:
    """Labelled prompts, read once."""

    texts: Sequence[UserText]
    cues: Sequence[Cues]
    tiers: Ints
    languages: Sequence[str]
    templates: Ints
    """Equal for prompts that are near duplicates."""
    first_words: Sequence[str]
    sources: Sequence[str]

    def weights(self, rows: Ints) -> Floats:
        """What each prompt counts for, 1 in the mean.

        A source counts as the root of its size: many prompts of one author say less
        than as many of several.
        """
        import numpy as np  # optional extra

        sizes = Counter(self.sources[row] for row in rows)
        own = np.array([sizes[self.sources[row]] ** -0.5 for row in rows])
        return own / own.mean()

    @classmethod
    def of(cls, samples: Sequence[PromptSample]) -> Prompts:
        import numpy as np  # optional extra

        texts = [user_text(sample.text) for sample in samples]
        return cls(
            texts=texts,
            cues=[cues_of(text) for text in texts],
            tiers=np.array([int(s.tier) for s in samples]),
            languages=[s.language for s in samples],
            templates=np.array(_templates([t.opening for t in texts])),
            first_words=[_first_word(t.opening) for t in texts],
            sources=[s.source for s in samples],
        )


@dataclass(frozen=True)
class PromptFit:
    """What was fitted to labelled prompts."""

    cues: dict[str, CueModel]
    head: Head


def fit_prompts(prompts: Prompts, rows: Ints | None = None) -> PromptFit:
    """Fits the wording's models, then the head on their out-of-fold values.

    The head is ordinal: each tier's limit is a logistic threshold on the score, at the
    default ``max_complexity``, so a score compares with those limits as it is.
    """
    import numpy as np  # as above
    from sklearn.model_selection import GroupKFold

    rows = np.arange(len(prompts.texts)) if rows is None else rows
    templates = prompts.templates[rows]
    folds = min(_INNER_FOLDS, len(set(templates)))
    if folds < 2:
        raise SampleError("all prompts are of one template: there is nothing to learn")
    values = np.zeros((len(rows), len(TEXT_SIGNALS)))
    for rest, held in GroupKFold(folds).split(rows, groups=templates):
        models = _fit_cues(prompts, rows[rest])
        values[held] = text_values(prompts, rows[held], models)
    head = _fit_head(values, prompts.tiers[rows], prompts.weights(rows))
    return PromptFit(_fit_cues(prompts, rows), head)


def scores(prompts: Prompts, rows: Ints, fit: PromptFit) -> Floats:
    """The score of each prompt under a fit."""
    import numpy as np  # as above

    weights = np.array([fit.head.weights[name] for name in TEXT_SIGNALS])
    return fit.head.base + text_values(prompts, rows, fit.cues) @ weights


def held_out_scores(
    prompts: Prompts, folds: Iterable[tuple[Ints, Ints]]
) -> Iterator[tuple[Ints, Floats]]:
    """For each (training, held-out) pair of rows, the latter and their scores."""
    for rest, held in folds:
        yield held, scores(prompts, held, fit_prompts(prompts, rest))


def text_values(
    prompts: Prompts, rows: Iterable[int], models: dict[str, CueModel]
) -> Floats:
    """The text dimensions' values, one row a prompt."""
    import numpy as np  # as above

    return np.array(
        [
            [
                f(
                    TextInput(
                        text=prompts.texts[row],
                        cues=prompts.cues[row],
                        openness=models["question_ambiguity"],
                        breadth=models["breadth"],
                        reasoning=models["reasoning_cues"],
                    )
                ).value
                for f in TEXT_SIGNALS.values()
            ]
            for row in rows
        ]
    )


def _fit_cues(prompts: Prompts, rows: Ints) -> dict[str, CueModel]:
    from sklearn.feature_extraction import DictVectorizer
    from sklearn.linear_model import LogisticRegression

    models = {}
    for name, limit in _TASKS.items():
        above = [bool(prompts.tiers[row] > limit) for row in rows]
        if len(set(above)) < 2:
            models[name] = _constant(above)
            continue
        vectorizer = DictVectorizer()
        x = vectorizer.fit_transform([dict(prompts.cues[row].values) for row in rows])
        counts: Any = prompts.weights(rows)
        model = LogisticRegression(C=_CUE_STRENGTH, max_iter=2_000)
        model.fit(x, above, sample_weight=counts)
        names: Any = vectorizer.get_feature_names_out()
        coefficients: Any = model.coef_
        intercept: Any = model.intercept_
        models[name] = CueModel(
            intercept=round(float(intercept[0]), 4),
            weights={
                str(n): round(float(w), 4)
                for n, w in zip(names, coefficients[0], strict=True)
            },
        )
    return models


def _constant(above: Sequence[bool]) -> CueModel:
    """Where the samples show one side only: its smoothed log odds, whatever is said."""
    hits = sum(above)
    return CueModel(math.log((hits + 0.5) / (len(above) - hits + 0.5)), {})


def _fit_head(values: Floats, tiers: Ints, counts: Floats) -> Head:
    import numpy as np  # as above
    from scipy.optimize import minimize

    limits = np.array([DEFAULT_MAX_COMPLEXITY[t] for t in list(Tier)[:-1]])
    above = np.where(tiers[:, None] > np.arange(len(limits)), 1.0, -1.0)
    costs = counts[:, None] * np.where(above > 0, _UNDER_ROUTED, 1.0)
    count = len(values)

    def loss(w: Floats) -> tuple[float, Floats]:
        margin = above * ((w[0] + values @ w[1:])[:, None] - limits) / _SOFTNESS
        each = (costs * np.logaddexp(0, -margin)).sum()
        total = each / count + _HEAD_RIDGE * w[1:] @ w[1:]
        slopes = costs * above / (1 + np.exp(np.minimum(margin, 500)))
        by_row = -slopes.sum(1) / _SOFTNESS
        gradient = values.T @ by_row / count + 2 * _HEAD_RIDGE * w[1:]
        return total, np.concatenate([[by_row.sum() / count], gradient])

    start = np.full(values.shape[1] + 1, 0.1)
    bounds = [(0, None)] * len(start)
    best = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    weights = dict(
        zip(TEXT_SIGNALS, (round(float(w), 4) for w in best[1:]), strict=True)
    )
    return Head(round(float(best[0]), 4), weights)


def _first_word(opening: str) -> str:
    return next(iter(re.findall(r"[^\s.,:;?!]+", opening)), "")


def _templates(openings: Sequence[str]) -> list[int]:
    """Numbers prompts so that near duplicates share one: union-find on likeness."""
    shingles = [{o[i : i + 4] for i in range(max(1, len(o) - 3))} for o in openings]
    holders: dict[str, list[int]] = defaultdict(list)
    for row, own in enumerate(shingles):
        for shingle in own:
            holders[shingle].append(row)
    parent = list(range(len(openings)))

    def root(row: int) -> int:
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row

    for row, own in enumerate(shingles):
        common: Counter[int] = Counter()
        for shingle in own:
            if len(holders[shingle]) <= _COMMON:
                common.update(holders[shingle])
        for other, shared in common.items():
            if other > row and shared >= _ALIKE * len(own | shingles[other]):
                parent[root(row)] = root(other)
    return [root(row) for row in range(len(openings))]
