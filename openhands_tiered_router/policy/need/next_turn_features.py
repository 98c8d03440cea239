"""What the next-turn model sees of a conversation: numbers, never text."""

from __future__ import annotations

import math
from typing import Final

from openhands_tiered_router.policy.actions import Action
from openhands_tiered_router.policy.cues import CALL_CUES, RESULT_CUES, TEXT_CUES
from openhands_tiered_router.policy.kinds import ActionKind
from openhands_tiered_router.policy.session import SessionState, Turn


_BACK: Final = 4
"""Turns back whose kind and result are seen; a fifth adds nothing measurable."""
_CLOSE: Final = 3
"""Turns back whose lengths are seen."""
_READ: Final = 2
"""Turns back whose cues are seen."""
_NEVER: Final = 200.0
"""Stands for "no such turn": more turns than sessions have in nine of ten cases."""
_USUAL: Final = 0.57
"""Share of mechanical turns in recorded sessions: the prior of the session's own."""
_PRIOR_TURNS: Final = 2.0
_PRIOR_RATE: Final = 10.0

_KINDS: Final = (
    ActionKind.SEARCH,
    ActionKind.READ,
    ActionKind.LIST,
    ActionKind.GIT,
    ActionKind.INSTALL,
    ActionKind.RUN,
    ActionKind.SCRIPT,
    ActionKind.EDIT,
    ActionKind.TEST,
    ActionKind.SNIPPET,
    ActionKind.SHELL,
)
"""Kinds that recorded sessions are rich in; the others are recognised by none."""
_LENGTHS: Final = ("text", "call", "result", "lines")
_COUNTS: Final = ("since", "count", "share")
_SESSION: Final = (
    "turn",
    "since_failure",
    "failures",
    "failed_share",
    "kind_rate",
    "kind_seen",
    "context_rate",
    "context_seen",
    "mechanical_rate",
    "mechanical_lately",
    "streak",
    "mechanical_streak",
    "same_file",
    "repeated",
    "untested_edit",
    "unrun_script",
    "user_messages",
)


def _names() -> tuple[str, ...]:
    names: list[str] = []
    for back in range(1, _BACK + 1):
        names += [f"{kind}@{back}" for kind in _KINDS]
        names += [f"failed@{back}", f"exit@{back}"]
    for back in range(1, _CLOSE + 1):
        names += [f"{length}_chars@{back}" for length in _LENGTHS]
    for back in range(1, _READ + 1):
        names += [f"said_{cue}@{back}" for cue in TEXT_CUES]
        names += [f"called_{cue}@{back}" for cue in CALL_CUES]
        names += [f"got_{cue}@{back}" for cue in RESULT_CUES]
    names += [f"{count}_{kind}" for kind in _KINDS for count in _COUNTS]
    return (*names, *_SESSION)


NAMES: Final = _names()
"""What each number is, in order; ``@1`` is the last turn, ``@2`` the one before."""


def features(session: SessionState) -> list[float]:
    """The numbers of ``NAMES`` for the turn that comes next. Needs a last turn."""
    recent = session.recent[::-1]
    row: list[float] = []
    for back in range(_BACK):
        row += _of_kind(recent[back] if back < len(recent) else None)
    for back in range(_CLOSE):
        row += _of_lengths(recent[back] if back < len(recent) else None)
    for back in range(_READ):
        row += _of_cues(recent[back] if back < len(recent) else None)
    row += _of_counts(session)
    row += _of_session(session)
    return row


def _action(turn: Turn | None) -> Action | None:
    return turn.actions[-1] if turn and turn.actions else None


def _of_kind(turn: Turn | None) -> list[float]:
    if turn is None:
        return _NO_KIND
    row = [0.0] * (len(_KINDS) + 2)
    position = _POSITION.get(turn.kind)
    if position is not None:
        row[position] = 1.0
    row[-2] = float(turn.failed)
    row[-1] = float(any(a.exit_code for a in turn.actions))
    return row


def _of_lengths(turn: Turn | None) -> list[float]:
    if turn is None:
        return _NO_LENGTHS
    action = _action(turn)
    if action is None:
        return [math.log1p(turn.text_chars), 0.0, 0.0, 0.0]
    return [
        math.log1p(turn.text_chars),
        math.log1p(action.call_chars),
        math.log1p(action.result_chars),
        math.log1p(action.result_lines),
    ]


def _of_cues(turn: Turn | None) -> list[float]:
    action = _action(turn)
    said = turn.text_cues if turn else 0
    called = action.call_cues if action else 0
    got = action.result_cues if action else 0
    return (
        [1.0 if said >> i & 1 else 0.0 for i in range(len(TEXT_CUES))]
        + [1.0 if called >> i & 1 else 0.0 for i in range(len(CALL_CUES))]
        + [1.0 if got >> i & 1 else 0.0 for i in range(len(RESULT_CUES))]
    )


def _of_counts(session: SessionState) -> list[float]:
    tally = session.tally
    turns = max(1, tally.turns)
    row: list[float] = []
    for kind in _KINDS:
        since, count = tally.since(kind), tally.count(kind)
        row += [_NEVER if since is None else float(since), float(count), count / turns]
    return row


def _of_session(session: SessionState) -> list[float]:
    tally, recent = session.tally, session.recent
    turns = max(1, tally.turns)
    kind_seen, kind_mechanical = tally.after(session.context, short=True)
    seen, mechanical = tally.after(session.context, short=False)
    signatures = [a.signature for t in recent for a in t.actions]
    edit, script = tally.since(ActionKind.EDIT), tally.since(ActionKind.SCRIPT)
    ran = tally.since(ActionKind.RUN)
    checked = min(
        tally.since(k) or _NEVER
        for k in (ActionKind.RUN, ActionKind.TEST, ActionKind.SNIPPET)
    )
    return [
        float(tally.turns),
        _NEVER if tally.failed_at < 0 else float(tally.turns - tally.failed_at),
        float(tally.failures),
        tally.failures / turns,
        (kind_mechanical + _USUAL * _PRIOR_TURNS) / (kind_seen + _PRIOR_TURNS),
        float(kind_seen),
        (mechanical + _USUAL * _PRIOR_TURNS) / (seen + _PRIOR_TURNS),
        float(seen),
        (tally.turns - tally.hard + _USUAL * _PRIOR_RATE) / (tally.turns + _PRIOR_RATE),
        sum(not t.hard for t in recent) / max(1, len(recent)),
        _streak([t.kind == recent[-1].kind for t in recent]),
        _streak([not t.hard for t in recent]),
        float(recent[-1].same_file),
        float(signatures.count(signatures[-1])) if signatures else 0.0,
        float(edit is not None and edit < checked),
        float(script is not None and script < (ran or _NEVER)),
        float(session.user_messages),
    ]


def _streak(holds: list[bool]) -> float:
    """How many of the newest in a row hold."""
    length = 0
    for held in reversed(holds):
        if not held:
            break
        length += 1
    return float(length)


_POSITION: Final = {kind: i for i, kind in enumerate(_KINDS)}
_NO_KIND: Final = [0.0] * (len(_KINDS) + 2)
_NO_LENGTHS: Final = [-1.0] * len(_LENGTHS)
