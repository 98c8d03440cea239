"""Fits the task score to samples, and says how good that is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from openhands_tiered_router.policy.difficulty.task_weights import (
    DifficultyFit,
    TaskWeights,
)
from openhands_tiered_router.policy.difficulty.text_cues import CueModel
from openhands_tiered_router.record.calibrate.difficulty import fit_difficulty
from openhands_tiered_router.record.calibrate.figures import (
    Figure,
    TierAgreement,
    as_json,
    issue_figures,
    prompt_figures,
)
from openhands_tiered_router.record.calibrate.issue_graphs import graphs_of
from openhands_tiered_router.record.calibrate.issues import (
    TEXT_SHARE,
    IssueFit,
    Issues,
    fit_issues,
    held_out_scores,
    with_graph_of,
)
from openhands_tiered_router.record.calibrate.numeric import numerics
from openhands_tiered_router.record.calibrate.profile import profile
from openhands_tiered_router.record.calibrate.prompts import (
    PromptFit,
    Prompts,
    fit_prompts,
)
from openhands_tiered_router.record.calibrate.samples import (
    IssueSample,
    PromptSample,
    SampleError,
)


FEWEST: Final = 50
"""Samples of a kind below which fitting to them would be noise."""


@dataclass(frozen=True)
class Calibration:
    """A fit, ready to be written, with its figures."""

    profile: dict[str, Any]
    prompts: dict[str, TierAgreement]
    issues: dict[str, Figure]


def calibrate_task(
    samples: Sequence[PromptSample | IssueSample],
    current: TaskWeights,
    *,
    clones: Path | None = None,
    report: Callable[[str], None] = lambda _: None,
) -> Calibration:
    """Fits what the samples allow; the rest stays as in ``current``.

    Args:
        samples: Labelled prompts, issues with outcomes, or both.
        current: Weights that stand where nothing is fitted.
        clones: Directory of clones with the issues' code; without it only text
            counts.
        report: Told what is being done, for a progress display.

    Raises:
        SampleError: Too few samples of a kind.
        MissingExtraError: scikit-learn is not installed.
    """
    labelled = [s for s in samples if isinstance(s, PromptSample)]
    reports = [s for s in samples if isinstance(s, IssueSample)]
    for kind, found in (("prompts", labelled), ("issues", reports)):
        if 0 < len(found) < FEWEST:
            raise SampleError(
                f"{len(found)} {kind} are too few to fit to; {FEWEST} are needed"
            )
    with numerics():
        evidence: dict[str, Any] = {}
        prompt_fit, agreement = _prompts(labelled, evidence, report)
        cues = prompt_fit.cues if prompt_fit else current.cues
        issues = _read_issues(reports, cues, clones, report)
        issue_fit, difficulty, areas = None, current.difficulty, {}
        if issues is not None:
            issue_fit, difficulty, areas = _issues(issues, current, evidence)
    content = profile(current, prompt_fit, issue_fit, difficulty, evidence)
    return Calibration(content, agreement, areas)


def _prompts(
    samples: Sequence[PromptSample],
    evidence: dict[str, Any],
    report: Callable[[str], None],
) -> tuple[PromptFit | None, dict[str, TierAgreement]]:
    if not samples:
        return None, {}
    report("prompts")
    prompts = Prompts.of(samples)
    fit = fit_prompts(prompts)
    figures = prompt_figures(prompts, fit, report)
    evidence["prompts"] = {
        "samples": len(samples),
        "templates": len(set(prompts.templates.tolist())),
        "languages": len(set(prompts.languages)),
        **as_json(figures),
    }
    return fit, figures


def _read_issues(
    samples: Sequence[IssueSample],
    cues: Mapping[str, CueModel],
    clones: Path | None,
    report: Callable[[str], None],
) -> Issues | None:
    if not samples:
        return None
    facts = {}
    if clones is not None:
        facts = graphs_of(samples, clones, report)
    report("issues")
    return Issues.of(samples, facts, cues)


def _issues(
    issues: Issues, current: TaskWeights, evidence: dict[str, Any]
) -> tuple[IssueFit, DifficultyFit, dict[str, Figure]]:
    fit = fit_issues(issues.values, issues.failed)
    figures = issue_figures(issues)
    held_out = held_out_scores(issues, graph=issues.with_graph > 0)
    shifted = fit_difficulty(issues, held_out)
    difficulty = shifted.fit
    if not issues.with_graph:
        fit = with_graph_of(fit, current)
        slope = round(difficulty.slope / TEXT_SHARE, 3)
        difficulty = replace(difficulty, slope=slope)
    evidence["issues"] = {
        "samples": len(issues.ids),
        "with_graph": issues.with_graph,
        "repositories": len(set(issues.repositories)),
        "models": len(issues.models),
        "mean_auc_held_out_repositories": as_json(figures),
        "difficulty": {"correlation": shifted.correlation, "ece": shifted.ece},
    }
    return fit, difficulty, figures
