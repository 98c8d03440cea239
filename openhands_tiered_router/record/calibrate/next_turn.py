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


_QUANTILES: Final = 8
_DIGITS: Final = 4


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
    # An outlook that nobody had is taken for a turn like any other.
    of = [group or list(range(len(samples))) for group in of]
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
