"""What the next-turn model sees of a conversation: numbers, never text.

Nothing here names an agent, a data set or a clock. What differs from agent to agent,
how much it says, whether it works by command lines, what it does after what, is
measured on the session itself.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import Final

from openhands_tiered_router.policy.actions import Action
from openhands_tiered_router.policy.cues import CALL_CUES, RESULT_CUES, TEXT_CUES
from openhands_tiered_router.policy.kinds import CHANGES, ActionKind
from openhands_tiered_router.policy.session import SessionState, Turn
from openhands_tiered_router.policy.trouble import TEST_FILE


_CLOSE: Final = 2
"""Turns back whose kind, result and cues are seen."""
_LENGTHS_BACK: Final = 3
_GROUPS_BACK: Final = 6
"""Turns back of which is seen whether they looked, changed or ran something."""
_NEVER: Final = 200.0
"""Stands for "no such turn": more turns than sessions have in nine of ten cases."""
_USUAL: Final = 0.5
"""Share of mechanical turns of recorded agents, .33 to .56: the prior of a session's
own shares."""
_PRIOR_TURNS: Final = 2.0
"""How many turns of its own outweigh that."""
_PRIOR_RATE: Final = 10.0
_FADING: Final = 0.8
"""Weight of a turn against the one after it, where the newest count most."""

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
    ActionKind.CLEANUP,
    ActionKind.THINK,
    ActionKind.PLAN,
    ActionKind.MESSAGE,
    ActionKind.OTHER,
)
_LOOKS: Final = frozenset({ActionKind.SEARCH, ActionKind.READ, ActionKind.LIST})
_RUNS: Final = frozenset({ActionKind.RUN, ActionKind.TEST, ActionKind.SNIPPET})
_GROUPS: Final = {"look": _LOOKS, "change": CHANGES, "ran": _RUNS}
_LENGTHS: Final = ("text", "call", "result", "lines")
_SESSION: Final = (
    "turn",
    "since_failure",
    "failed_share",
    "kind_rate",
    "kind_seen",
    "context_rate",
    "context_seen",
    "mechanical_rate",
    "mechanical_fading",
    "mechanical_streak",
    "streak",
    "same_file",
    "repeated",
    "untested_edit",
    "unrun_script",
    "user_messages",
)
_LATELY: Final = (
    "speaks_of_failure",
    "empty",
    "calls",
    "by_shell",
    "file_kind",
    "after_last",
    "after_before",
    "by_shell_share",
    "words_share",
    "text_mean",
    "call_mean",
    "result_mean",
    "variety",
    "switches",
    "looks",
    "changes",
    "runs",
    "looks_since_change",
    "runs_since_change",
    "changes_since_look",
    "changes_since_run",
    "seen_file",
    "changed_file",
    "run_failed",
    "run_in_trouble",
)


def _names() -> tuple[str, ...]:
    names: list[str] = []
    for back in range(1, _CLOSE + 1):
        names += [f"{kind}@{back}" for kind in _KINDS]
        names += [f"failed@{back}", f"exit@{back}"]
    for back in range(_CLOSE + 1, _GROUPS_BACK + 1):
        names += [f"{group}@{back}" for group in _GROUPS]
        names.append(f"mechanical@{back}")
    for back in range(1, _LENGTHS_BACK + 1):
        names += [f"{length}_chars@{back}" for length in _LENGTHS]
    for back in range(1, _CLOSE + 1):
        names += [f"said_{cue}@{back}" for cue in TEXT_CUES]
        names += [f"called_{cue}@{back}" for cue in CALL_CUES]
        names += [f"got_{cue}@{back}" for cue in RESULT_CUES]
    return (*names, *_SESSION, *_LATELY)


NAMES: Final = _names()
"""What each number is, in order; ``@1`` is the last turn, ``@2`` the one before."""
_KIND_RATE: Final = NAMES.index("kind_rate")
_KIND_SEEN: Final = NAMES.index("kind_seen")
_HABIT_LIMITS: Final = (0.05, 0.95)
"""Kept from the ends, where a few turns would weigh more than all trees."""


def features(session: SessionState) -> list[float]:
    """The numbers of ``NAMES`` for the turn that comes next. Needs a last turn."""
    newest_first = session.recent[::-1]
    known = len(newest_first)
    row: list[float] = []
    for back in range(_CLOSE):
        row += _of_kind(newest_first[back]) if back < known else _NO_KIND
    for back in range(_CLOSE, _GROUPS_BACK):
        row += _of_group(newest_first[back]) if back < known else _NO_GROUP
    for back in range(_LENGTHS_BACK):
        row += _of_lengths(newest_first[back]) if back < known else _NO_LENGTHS
    for back in range(_CLOSE):
        row += _of_cues(newest_first[back]) if back < known else _NO_CUES
    row += _of_session(session)
    row += _of_lately(session.recent)
    return row


def habit(row: Sequence[float]) -> float:
    """Log odds of a mechanical turn in this session, after such a turn as the last.

    By its own turns alone, with half a turn added to either side (Haldane 1956), so
    that none or all of them have finite odds; 0 where there was no such turn.
    """
    seen = row[_KIND_SEEN]
    mechanical = row[_KIND_RATE] * (seen + _PRIOR_TURNS) - _USUAL * _PRIOR_TURNS
    low, high = _HABIT_LIMITS
    share = min(max((mechanical + 0.5) / (seen + 1.0), low), high)
    return math.log(share / (1 - share))


def _action(turn: Turn) -> Action | None:
    return turn.actions[-1] if turn.actions else None


def _of_kind(turn: Turn) -> list[float]:
    row = list(_NO_KIND)
    position = _POSITION.get(turn.kind)
    if position is not None:
        row[position] = 1.0
    row[-2] = float(turn.failed)
    row[-1] = float(any(a.exit_code for a in turn.actions))
    return row


def _of_group(turn: Turn) -> list[float]:
    groups = [float(turn.kind in kinds) for kinds in _GROUPS.values()]
    return [*groups, float(not turn.hard)]


def _of_lengths(turn: Turn) -> list[float]:
    action = _action(turn)
    if action is None:
        return [math.log1p(turn.text_chars), 0.0, 0.0, 0.0]
    return [
        math.log1p(turn.text_chars),
        math.log1p(action.call_chars),
        math.log1p(action.result_chars),
        math.log1p(action.result_lines),
    ]


def _of_cues(turn: Turn) -> list[float]:
    action = _action(turn)
    called = action.call_cues if action else 0
    got = action.result_cues if action else 0
    return (
        [1.0 if turn.text_cues >> i & 1 else 0.0 for i in range(len(TEXT_CUES))]
        + [1.0 if called >> i & 1 else 0.0 for i in range(len(CALL_CUES))]
        + [1.0 if got >> i & 1 else 0.0 for i in range(len(RESULT_CUES))]
    )


def _of_session(session: SessionState) -> list[float]:
    tally, recent = session.tally, session.recent
    turns = max(1, tally.turns)
    kind_seen, kind_mechanical = tally.after(session.context, short=True)
    seen, mechanical = tally.after(session.context, short=False)
    signatures = [a.signature for t in recent for a in t.actions]
    edit, script = tally.since(ActionKind.EDIT), tally.since(ActionKind.SCRIPT)
    ran = tally.since(ActionKind.RUN)
    checked = min(tally.since(kind) or _NEVER for kind in _RUNS)
    return [
        float(tally.turns),
        _NEVER if tally.failed_at < 0 else float(tally.turns - tally.failed_at),
        tally.failures / turns,
        (kind_mechanical + _USUAL * _PRIOR_TURNS) / (kind_seen + _PRIOR_TURNS),
        float(kind_seen),
        (mechanical + _USUAL * _PRIOR_TURNS) / (seen + _PRIOR_TURNS),
        float(seen),
        (tally.turns - tally.hard + _USUAL * _PRIOR_RATE) / (tally.turns + _PRIOR_RATE),
        _fading([not t.hard for t in recent]),
        _streak([not t.hard for t in recent]),
        _streak([t.kind == recent[-1].kind for t in recent]),
        float(recent[-1].same_file),
        float(signatures.count(signatures[-1])) if signatures else 0.0,
        float(edit is not None and edit < checked),
        float(script is not None and script < (ran or _NEVER)),
        float(session.user_messages),
    ]


def _of_lately(recent: Sequence[Turn]) -> list[float]:
    """What the turns kept in detail tell of the agent's ways and of the work."""
    last, count = recent[-1], len(recent)
    kinds = [turn.kind for turn in recent]
    actions = [turn.actions[-1] for turn in recent if turn.actions]
    newest = _action(last)
    many = max(1, len(actions))
    before = {path for a in actions[:-1] for path in a.paths}
    changed = next((a for a in reversed(actions[:-1]) if a.kind in CHANGES), None)
    ran = next((turn for turn in reversed(recent) if turn.kind in _RUNS), None)
    # Sums of lists: of so few numbers a generator takes half as long again.
    return [
        float(any(a.speaks_of_failure for a in last.actions)),
        float(newest.result_lines == 0) if newest else -1.0,
        float(len(last.actions)),
        float(newest.by_shell) if newest else -1.0,
        _file_kind(newest),
        *_followed(recent, kinds),
        sum([a.by_shell for a in actions]) / many,
        sum([turn.text_chars > 0 for turn in recent]) / count,
        math.log1p(sum([turn.text_chars for turn in recent]) / count),
        math.log1p(sum([a.call_chars for a in actions]) / many),
        math.log1p(sum([a.result_chars for a in actions]) / many),
        len(set(kinds)) / count,
        sum([a != b for a, b in zip(kinds, kinds[1:], strict=False)]) / count,
        sum([kind in _LOOKS for kind in kinds]) / count,
        sum([kind in CHANGES for kind in kinds]) / count,
        sum([kind in _RUNS for kind in kinds]) / count,
        _since(kinds, CHANGES, _LOOKS),
        _since(kinds, CHANGES, _RUNS),
        _since(kinds, _LOOKS, CHANGES),
        _since(kinds, _RUNS, CHANGES),
        _shares_file(newest, before),
        _shares_file(newest, changed.paths) if changed else -1.0,
        float(ran.failed) if ran else -1.0,
        float(ran.trouble) if ran else -1.0,
    ]


def _followed(recent: Sequence[Turn], kinds: Sequence[ActionKind]) -> list[float]:
    """Whether what followed that kind the last two times was mechanical, -1: unseen."""
    found = [
        float(not recent[i + 1].hard)
        for i in range(len(kinds) - 2, -1, -1)
        if kinds[i] == kinds[-1]
    ]
    return (found + [-1.0, -1.0])[:2]


def _file_kind(action: Action | None) -> float:
    """Of the file that it names: 1 test, 2 code, 3 prose or data, 4 directory."""
    if action is None or not action.paths:
        return 0.0
    path = action.paths[0]
    if TEST_FILE.search(path):
        return 1.0
    if "." not in path.rsplit("/", 1)[-1]:
        return 4.0
    return 3.0 if path.endswith(_PROSE) else 2.0


def _shares_file(action: Action | None, paths: Collection[str]) -> float:
    if action is None or not action.paths:
        return -1.0
    return float(any(path in paths for path in action.paths))


def _since(
    kinds: Sequence[ActionKind],
    stop: Collection[ActionKind],
    counted: Collection[ActionKind],
) -> float:
    """Turns of the counted kinds since the last of the others."""
    count = 0
    for kind in reversed(kinds):
        if kind in stop:
            break
        count += kind in counted
    return float(count)


def _fading(holds: Sequence[bool]) -> float:
    """Share of what holds, the newest counting most."""
    share = whole = 0.0
    for held in holds:
        share, whole = share * _FADING + held, whole * _FADING + 1.0
    return share / whole


def _streak(holds: Sequence[bool]) -> float:
    """How many of the newest in a row hold."""
    length = 0
    for held in reversed(holds):
        if not held:
            break
        length += 1
    return float(length)


_PROSE: Final = (
    ".md", ".rst", ".txt", ".cfg", ".toml", ".json", ".yml", ".yaml", ".ini",
)  # fmt: skip
_POSITION: Final = {kind: i for i, kind in enumerate(_KINDS)}
_NO_KIND: Final = [0.0] * (len(_KINDS) + 2)
_NO_GROUP: Final = [-1.0] * (len(_GROUPS) + 1)
_NO_LENGTHS: Final = [-1.0] * len(_LENGTHS)
_NO_CUES: Final = [0.0] * (len(TEXT_CUES) + len(CALL_CUES) + len(RESULT_CUES))
