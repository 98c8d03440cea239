"""The files that fits are kept in, with the evidence for them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from openhands_tiered_router.policy.difficulty.dimensions import NAMES
from openhands_tiered_router.policy.difficulty.task_weights import (
    FORMAT,
    DifficultyFit,
    Head,
    TaskWeights,
)
from openhands_tiered_router.policy.fitted import (
    FORMAT as FITTED_FORMAT,
    fitted_of,
    load_fitted,
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
    cues = prompts.cues if prompts else current.cues
    neutral = issues.neutral if issues else current.neutral
    return {
        "format": FORMAT,
        "fit": dict(evidence),
        "prompt": _head(prompts.head) if prompts else asdict(current.prompt),
        "issue": _head(issues.head) if issues else asdict(current.issue),
        "neutral": dict(neutral),
        "difficulty": asdict(difficulty),
        "cues": {name: asdict(model) for name, model in sorted(cues.items())},
    }


def _head(head: Head) -> dict[str, Any]:
    weights = {n: head.weights.get(n, CONVERSATION_PRIOR.get(n, 0.0)) for n in NAMES}
    return {"base": head.base, "weights": weights}


def write_part(
    path: Path, part: str, content: Mapping[str, Any], evidence: Mapping[str, Any]
) -> None:
    """Puts a part into the file that ``[policy] fitted`` names.

    Args:
        path: The file; made when missing.
        part: ``task`` or ``next_turn``.
        content: What was fitted.
        evidence: Samples, intervals, held-out figures.

    Raises:
        FittedError: What is there, or what would be, cannot be used; nothing was
            written.
    """
    old: dict[str, Any] = {"fitted": FITTED_FORMAT}
    if path.exists():
        load_fitted(path)
        old = json.loads(path.read_text("utf-8"))
    shown = {**evidence, "at": datetime.now(UTC).isoformat(timespec="seconds")}
    new = {
        **old,
        part: content,
        "evidence": {**old.get("evidence", {}), part: shown},
    }
    fitted_of(new, str(path))
    write_profile(path, new)


def write_profile(path: Path, content: Mapping[str, Any]) -> None:
    """Writes a profile whole or not at all."""
    partial = path.with_name(path.name + ".partial")
    partial.write_text(json.dumps(content, indent=1) + "\n", "utf-8")
    partial.replace(path)
