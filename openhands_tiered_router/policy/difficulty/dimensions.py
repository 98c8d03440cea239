"""The fifteen named signals of a task's complexity, each one small function.

Three lists by what a signal is read from: the request's text, the conversation, the
code graph. A signal is a value in [0, 1] with its evidence in words; what it is
worth is fitted and kept in ``data/task.json`` (docs/scoring.md).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from openhands_tiered_router.plural import counted
from openhands_tiered_router.policy.difficulty.text import UserText
from openhands_tiered_router.policy.difficulty.text_cues import (
    MANY_PARTS,
    CueModel,
    Cues,
)
from openhands_tiered_router.policy.kinds import MECHANICAL
from openhands_tiered_router.policy.session import SessionState


LONGEST: Final = 4_096
"""Characters at which the length is full: the 95th percentile of public issues."""
DEEPEST: Final = 76
"""Turns at which the depth is full: the mean of recorded agent sessions."""
FAILURES: Final = 3
"""Failures in a row that are a full signal: after two the next fails in 33 %."""
LARGE_FILE: Final = 2_000
"""Lines at which the size of the best match is full."""
COMPLEX_FUNCTION: Final = 100
"""Cyclomatic complexity at which that of the best match is full."""
CAUSE: Final = 0.5
"""What a stated cause counts for: half of a proof."""
DEEP: Final = 30
"""Dependency depth that is a full signal."""
WIDE: Final = 300
"""Dependents that are a full blast radius."""


@dataclass(frozen=True, slots=True)
class Signal:
    """What one dimension saw."""

    value: float
    """In [0, 1]; higher is more complex."""
    evidence: str
    """Counts and names, never the user's text."""


@dataclass(frozen=True, slots=True)
class TextInput:
    """A request's text, read, with the models of its wording."""

    text: UserText
    cues: Cues
    openness: CueModel
    breadth: CueModel
    reasoning: CueModel


@dataclass(frozen=True, slots=True)
class ConversationInput:
    """What went before the call."""

    session: SessionState
    prompt_tokens: int
    window: int
    """Largest context window among the endpoints, tokens."""


def request_length(x: TextInput) -> Signal:
    """Characters of the user's own prose, code apart, on a logarithmic scale."""
    prose = x.text.size * (1.0 - x.text.code_share)
    evidence = counted(round(prose), "character")
    return Signal(_log_share(prose, LONGEST), evidence)


def code_share(x: TextInput) -> Signal:
    """Share of code blocks, tracebacks and diffs in the text."""
    share = x.text.code_share
    return Signal(share, f"{share:.0%} is code")


def reasoning_cues(x: TextInput) -> Signal:
    """P(wording of a proof or derivation); of a report: whether it states a cause.

    Models failed more often on public issues whose reporter says why something
    happens: AUC .59 on the mean of 34 models' outcomes (docs/scoring.md).
    """
    report = x.text.report_length * x.text.code_marks
    cause = CAUSE if report and x.text.states_cause else 0.0
    wording = _wording(x.reasoning, x.cues)
    value = (1.0 - report) * wording.value + report * cause
    return Signal(value, "says why" if cause else wording.evidence)


def question_ambiguity(x: TextInput) -> Signal:
    """P(an open task, not a look-up with one answer), by its wording."""
    return _wording(x.openness, x.cues)


def breadth(x: TextInput) -> Signal:
    """P(something large or of many parts is asked for), by its wording."""
    return _wording(x.breadth, x.cues)


def constraints(x: TextInput) -> Signal:
    """Conditions and enumerated parts that an answer has to meet."""
    n = x.cues.constraints + x.cues.parts
    evidence = ", ".join(
        (counted(x.cues.constraints, "condition"), counted(x.cues.parts, "separator"))
    )
    return Signal(min(n / MANY_PARTS, 1.0), evidence)


def _wording(model: CueModel, cues: Cues) -> Signal:
    strongest = model.strongest(cues)
    evidence = ", ".join(f"{name} {x:+.1f}" for name, x in strongest)
    return Signal(model.probability(cues), evidence or "no cue")


def turn_depth(x: ConversationInput) -> Signal:
    """Turns that the agent has taken."""
    turns = x.session.turns
    return Signal(min(turns / DEEPEST, 1.0), counted(turns, "turn"))


def tool_history(x: ConversationInput) -> Signal:
    """Share of recent turns that did more than look around."""
    recent = x.session.recent
    hard = sum(turn.kind not in MECHANICAL for turn in recent)
    value = hard / len(recent) if recent else 0.0
    return Signal(
        value, f"{hard} of the last {counted(len(recent), 'turn')} changed or tried"
    )


def recent_failures(x: ConversationInput) -> Signal:
    """Failed turns in a row, up to now."""
    failures = 0
    for turn in reversed(x.session.recent):
        if not turn.failed:
            break
        failures += 1
    return Signal(
        min(failures / FAILURES, 1.0), f"{counted(failures, 'failure')} in a row"
    )


def context_fill(x: ConversationInput) -> Signal:
    """Share of the largest context window that the prompt fills."""
    value = min(x.prompt_tokens / x.window, 1.0) if x.window else 0.0
    return Signal(value, f"{x.prompt_tokens} of {x.window} tokens")


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphFacts:
    """What the code graph says of a request."""

    fifth_to_first: float
    """Score of the fifth best file over the best one's, in [0, 1]."""
    entropy: float
    """Of the best definitions' scores, over its maximum, in [0, 1]."""
    named: bool
    """Whether the text names a file or module of the workspace."""
    candidates: int
    """Files with at least half of the best one's score."""
    lines: int
    """Of the best file."""
    complexity: int
    """Cyclomatic, of the most complex definition of the best file."""
    depth: int
    """Longest chain of dependencies below the best file."""
    best: int
    """Files looked at for ``communities``: ten, or all that fit."""
    communities: int
    """Communities that those files are in."""
    cohesion: float
    """Of the best file's community, in [0, 1]."""
    dependents: int
    """Files that depend on the best one within three steps."""


def localisation_ambiguity(x: GraphFacts) -> Signal:
    """How little the request points at one place in the code."""
    value = (x.fifth_to_first + x.entropy + (not x.named)) / 3
    named = "names a file" if x.named else "names no file"
    fitting = counted(x.candidates, "candidate")
    evidence = f"{named}; {fitting}, fifth/first {x.fifth_to_first:.2f}"
    return Signal(min(value, 1.0), evidence)


def match_complexity(x: GraphFacts) -> Signal:
    """Size and complexity of the best-matching file, on logarithmic scales."""
    size = _log_share(x.lines, LARGE_FILE)
    complexity = _log_share(x.complexity, COMPLEX_FUNCTION)
    evidence = f"{counted(x.lines, 'line')}, cyclomatic complexity up to {x.complexity}"
    return Signal((size + complexity) / 2, evidence)


def dependency_depth(x: GraphFacts) -> Signal:
    """How long the chain of dependencies below the best match is."""
    return Signal(_log_share(x.depth, DEEP), f"depth {x.depth}")


def community_spread(x: GraphFacts) -> Signal:
    """How scattered the best matches are, and how loose the best one's community."""
    scatter = (x.communities - 1) / (x.best - 1) if x.best > 1 else 0.0
    value = (min(max(scatter, 0.0), 1.0) + 1.0 - x.cohesion) / 2
    evidence = (
        f"{counted(x.best, 'file')} in "
        f"{counted(x.communities, 'community', 'communities')}"
    )
    return Signal(value, f"{evidence}, cohesion {x.cohesion:.2f}")


def blast_radius(x: GraphFacts) -> Signal:
    """How many files depend on the best match."""
    return Signal(_log_share(x.dependents, WIDE), counted(x.dependents, "dependent"))


def _log_share(value: float, full: float) -> float:
    return min(math.log1p(max(value, 0.0)) / math.log1p(full), 1.0)


TEXT_SIGNALS: Final[Mapping[str, Callable[[TextInput], Signal]]] = {
    f.__name__: f
    for f in (
        request_length,
        code_share,
        reasoning_cues,
        question_ambiguity,
        breadth,
        constraints,
    )
}
CONVERSATION_SIGNALS: Final[Mapping[str, Callable[[ConversationInput], Signal]]] = {
    f.__name__: f for f in (turn_depth, tool_history, recent_failures, context_fill)
}
GRAPH_SIGNALS: Final[Mapping[str, Callable[[GraphFacts], Signal]]] = {
    f.__name__: f
    for f in (
        localisation_ambiguity,
        match_complexity,
        dependency_depth,
        community_spread,
        blast_radius,
    )
}
NAMES: Final = (*TEXT_SIGNALS, *CONVERSATION_SIGNALS, *GRAPH_SIGNALS)
"""The fifteen, in the order in which they are shown."""
