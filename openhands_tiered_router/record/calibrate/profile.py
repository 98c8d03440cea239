"""The profile file: fitted weights, and the evidence for them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from openhands_tiered_router.policy.difficulty.dimensions import NAMES
from openhands_tiered_router.policy.difficulty.task_weights import (
    FORMAT,
    DifficultyFit,
    Head,
    TaskWeights,
)
from openhands_tiered_router.record.calibrate.issues import IssueFit
from openhands_tiered_router.record.calibrate.prompts import PromptFit


CONVERSATION_PRIOR: Final[Mapping[str, float]] = {
    "turn_depth": 0.02,
    "tool_history": 0.02,
    "recent_failures": 0.04,
    "context_fill": 0.04,
}
"""Not fitted: judgement. Up to step 40 neither failures nor steps tell whether an
agent will fail (AUC .48-.55 on public sessions), so together they move no tier by
themselves unless a score is at its limit anyway."""


def profile(
    current: TaskWeights,
    prompts: PromptFit | None,
    issues: IssueFit | None,
    difficulty: DifficultyFit,
    evidence: Mapping[str, Any],
) -> dict[str, Any]:
    """The JSON of a profile; what was not fitted anew stays as it was."""
    prompt_head = _head(prompts.head) if prompts else _old(current.prompt)
    issue_head = _head(issues.head) if issues else _old(current.issue)
    cues = prompts.cues if prompts else current.cues
    neutral = issues.neutral if issues else current.neutral
    return {
        "format": FORMAT,
        "fit": dict(evidence),
        "heads": {"prompt": prompt_head, "issue": issue_head},
        "neutral": dict(neutral),
        "difficulty": asdict(difficulty),
        "cues": {
            name: {
                "intercept": model.intercept,
                "weights": dict(sorted(model.weights.items())),
            }
            for name, model in sorted(cues.items())
        },
    }


def _head(head: Head) -> dict[str, Any]:
    weights = {n: head.weights.get(n, CONVERSATION_PRIOR.get(n, 0.0)) for n in NAMES}
    return {"base": head.base, "weights": weights}


def _old(head: Head) -> dict[str, Any]:
    return {"base": head.base, "weights": dict(head.weights)}


def write_profile(path: Path, content: Mapping[str, Any]) -> None:
    """Writes a profile whole or not at all."""
    partial = path.with_name(path.name + ".partial")
    partial.write_text(json.dumps(content, indent=1) + "\n", "utf-8")
    partial.replace(path)
