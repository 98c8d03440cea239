"""How good a fit is on data that it has not seen."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from openhands_tiered_router.record.calibrate import (
    issues as issue_fit,
    prompts as prompt_fit,
)
from openhands_tiered_router.record.calibrate.issues import Issues
from openhands_tiered_router.record.calibrate.prompts import FOLDS, PromptFit, Prompts
from openhands_tiered_router.tiers import DEFAULT_MAX_COMPLEXITY, Tier


if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    type Floats = NDArray[np.float64]
    type Ints = NDArray[np.int64]

SEED: Final = 0
RESAMPLES: Final = 400


@dataclass(frozen=True, slots=True)
class Figure:
    """An estimate with its 95 % interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f}-{self.high:.3f})"


@dataclass(frozen=True, slots=True)
class TierAgreement:
    """How prompts' tiers by the score compare with those given by people."""

    exact: Figure
    under: Figure
    """Share that was given a weaker tier than the label's."""


def prompt_figures(
    prompts: Prompts, fit: PromptFit, report: Callable[[str], None]
) -> dict[str, TierAgreement]:
    """Agreement in the sample and on held-out templates, languages, first words."""
    import numpy as np  # optional extra

    rows = np.arange(len(prompts.texts))
    found = {"in sample": _agreement(prompt_fit.scores(prompts, rows, fit), prompts)}
    groupings = {
        "held-out templates": prompts.templates,
        "held-out languages": np.array(prompts.languages),
        "held-out first words": np.array(prompts.first_words),
    }
    for name, groups in groupings.items():
        if len(set(groups)) < 2:
            continue
        report(name)
        scores = np.zeros(len(rows))
        folds = _folds(rows, groups)
        for held, held_scores in prompt_fit.held_out_scores(prompts, folds):
            scores[held] = held_scores
        found[name] = _agreement(scores, prompts)
    if len(set(prompts.sources)) > 1:
        report("held-out sources")
        found |= _by_source(prompts)
    return found


def _by_source(prompts: Prompts) -> dict[str, TierAgreement]:
    """Agreement on each source by a fit to the others, and on all but the largest.

    The largest source makes up most of the samples: a fit without it says little.
    """
    import numpy as np  # as above

    sources = np.array(prompts.sources)
    largest = Counter(prompts.sources).most_common(1)[0][0]
    rows = np.arange(len(sources))
    smaller = sources != largest
    scores = np.zeros(len(rows))
    folds = [
        (rows[sources != source], rows[sources == source])
        for source in sorted(set(sources[smaller]))
    ]
    found = {}
    for held, held_scores in prompt_fit.held_out_scores(prompts, folds):
        scores[held] = held_scores
        found[f"held-out source {sources[held[0]]}"] = _agreed(
            held_scores, prompts.tiers[held]
        )
    total = _agreed(scores[smaller], prompts.tiers[smaller])
    return {**found, "held-out sources": total}


def _folds(rows: Ints, groups: NDArray[Any]) -> Iterator[tuple[Ints, Ints]]:
    from sklearn.model_selection import GroupKFold  # as above

    return GroupKFold(min(FOLDS, len(set(groups)))).split(rows, groups=groups)


def _agreement(scores: Floats, prompts: Prompts) -> TierAgreement:
    return _agreed(scores, prompts.tiers)


def _agreed(scores: Floats, labels: Ints) -> TierAgreement:
    limits = [DEFAULT_MAX_COMPLEXITY[t] for t in list(Tier)[:-1]]
    tiers = (scores[:, None] > limits).sum(1)
    return TierAgreement(
        exact=share_of(int((tiers == labels).sum()), len(scores)),
        under=share_of(int((tiers < labels).sum()), len(scores)),
    )


def share_of(hits: int, count: int) -> Figure:
    """A share with Wilson's interval (1927)."""
    z = 1.96
    share = hits / count
    centre = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count**2))
    half /= 1 + z * z / count
    return Figure(share, max(centre - half, 0.0), min(centre + half, 1.0))


def issue_figures(issues: Issues) -> dict[str, Figure]:
    """Mean AUC that models fail, each repository scored by a fit to the others."""
    import numpy as np  # as above

    found = {}
    kinds = {"text and graph": True, "text only": False}
    if np.isnan(issues.values).any(1).all():
        del kinds["text and graph"]
    for name, graph in kinds.items():
        scores = issue_fit.held_out_scores(issues, graph=graph)
        found[name] = _resampled(scores, issues.failed)
    return found


def _resampled(scores: Floats, failed: Floats) -> Figure:
    """The mean AUC with a bootstrap interval over issues."""
    import numpy as np  # as above

    random = np.random.default_rng(SEED)
    count = len(scores)
    draws = [
        issue_fit.mean_auc(scores[rows], failed[rows])
        for rows in (random.integers(0, count, count) for _ in range(RESAMPLES))
    ]
    low, high = np.nanpercentile(draws, [2.5, 97.5])
    return Figure(issue_fit.mean_auc(scores, failed), float(low), float(high))


def as_json(figures: dict[str, Any]) -> dict[str, Any]:
    """Figures as plain numbers, rounded to what they can bear."""
    return {name: _rounded(asdict(figure)) for name, figure in figures.items()}


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _rounded(v) for k, v in value.items()}
    return round(value, 4)
