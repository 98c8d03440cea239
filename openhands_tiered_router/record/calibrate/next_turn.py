"""Fitting the next-turn model to recorded sessions of several agents.

The fit itself is in ``trees``; here is what goes in, and what the file says of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from openhands_tiered_router.policy.difficulty.escalation import escalation
from openhands_tiered_router.policy.difficulty.next_turn import Calibration, tools_of
from openhands_tiered_router.policy.difficulty.next_turn_features import NAMES, features
from openhands_tiered_router.policy.economics.dynamics import OUTLOOKS, outlook
from openhands_tiered_router.policy.policy import Policy
from openhands_tiered_router.policy.session import SessionState
from openhands_tiered_router.record.calibrate.agents import (
    Predicted,
    agent_figures,
    agent_weights,
    expected_calibration_error,
    reliability,
)
from openhands_tiered_router.record.calibrate.numeric import numerics
from openhands_tiered_router.record.calibrate.trees import (
    FOLDS,
    Sample,
    TurnData,
    exported,
)
from openhands_tiered_router.record.replay.sessions import RecordedSession


_DIGITS: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class NextTurnFit:
    """The model's file, and what each turn got from a model that never saw its task."""

    data: dict[str, Any]
    held_out: Mapping[tuple[str, int], float]
    """Probability by session and turn, from cross-validation grouped by task."""


def samples_of(sessions: Iterable[RecordedSession], agent: str = "") -> list[Sample]:
    """Every turn of the sessions with the features that stood before it.

    Hard is what ``actions.is_hard`` calls so, and what follows a result with the words
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
            used = tools_of(state)
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
                    tools=used,
                    hard=last.hard or spoke,
                    forced=forced,
                    output=turn.usage.completion,
                )
            )
    return found


def fit_next_turn(agents: Mapping[str, Sequence[RecordedSession]]) -> NextTurnFit:
    """Fits the trees; takes a minute or two.

    Args:
        agents: Recorded sessions by the agent that they are of.

    Raises:
        MissingExtraError: scikit-learn is not installed.
        ValueError: There are fewer tasks than folds, or all turns are of one kind.
    """
    samples = [s for name, found in agents.items() for s in samples_of(found, name)]
    tasks = len({s.task for s in samples})
    if tasks < FOLDS:
        raise ValueError(
            f"next-turn model: {FOLDS} tasks or more are needed to check a fit, got "
            f"{tasks}; record more sessions"
        )
    if len({s.hard for s in samples if s.row is not None}) < 2:
        raise ValueError(
            "next-turn model: all turns that could be predicted are of one kind, so "
            "there is nothing to learn; record sessions with looks and edits"
        )
    with numerics():
        return _fit(samples, sum(map(len, agents.values())))


def write_next_turn(fit: NextTurnFit, path: Path) -> None:
    """Writes the model's file."""
    path.write_text(json.dumps(fit.data, separators=(",", ":")) + "\n", "utf-8")


def _fit(samples: Sequence[Sample], sessions: int) -> NextTurnFit:
    known = [s for s in samples if s.row is not None]
    data = TurnData.of(known)
    pooled, left_out = data.held_out(data.folds()), data.held_out(data.families())
    within = data.calibrated(pooled, data.folds())
    elsewhere = data.left_out(pooled, left_out)
    by_turn = _by_turn(samples, known, within)
    predicted = _predicted(samples, by_turn)
    alone = elsewhere is not None and _predicted(
        samples, _by_turn(samples, known, elsewhere)
    )
    curve = reliability([p.probability for p in predicted], [p.true for p in predicted])
    everything = range(len(known))
    file = {
        "features": list(NAMES),
        "known": _rounded(data.calibration(pooled, everything)),
        "unknown": _rounded(data.calibration(left_out, everything)) if alone else None,
        "agents": sorted({tuple(sorted(v)) for v in data.vocabularies.values()}),
        "fitted": {
            "sessions": sessions,
            "tasks": len(set(data.tasks)),
            "turns": len(samples),
            "mechanical": round(sum(p.true for p in predicted) / len(samples), _DIGITS),
            "folds": FOLDS,
            "agents": agent_figures(predicted),
            "left_out": agent_figures(alone) if alone else {},
            "ece": round(expected_calibration_error(curve), _DIGITS),
            "reliability": curve,
        },
        "dynamics": _dynamics(samples, by_turn),
        "trees": [exported(e.tree_) for e in data.trees(everything).estimators_],
    }
    return NextTurnFit(data=file, held_out=by_turn)


def _rounded(calibration: Calibration) -> dict[str, float]:
    return {k: round(v, _DIGITS) for k, v in asdict(calibration).items()}


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


def _dynamics(
    samples: Sequence[Sample], held_out: Mapping[tuple[str, int], float]
) -> dict[str, Any]:
    """How frequent each outlook is, its hard share and its output.

    Agents count alike, as in the trees; else the one with the most recorded turns
    would say what the others' turns are like.
    """
    import numpy as np

    weights = np.array(agent_weights([s.agent for s in samples]))
    seen = np.array([outlook(held_out[s.session, s.turn], s.forced) for s in samples])
    hard = np.array([float(s.hard) for s in samples])
    output = np.array([s.output for s in samples])
    # Half a turn more of each; an outlook that nobody had is a turn like any other.
    counts = np.bincount(seen, weights, OUTLOOKS) + 0.5
    of = [seen == o if (seen == o).any() else seen >= 0 for o in range(OUTLOOKS)]

    def means(values: Any, digits: int) -> list[float]:
        found = (np.average(values[group], weights=weights[group]) for group in of)
        return [round(float(mean), digits) for mean in found]

    return {
        "shares": (counts / counts.sum()).round(_DIGITS).tolist(),
        "hard": means(hard, _DIGITS),
        "output": means(output, 1),
    }
