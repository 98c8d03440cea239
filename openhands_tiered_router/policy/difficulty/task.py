"""How complex a task is, in [0, 1], and the rule that uses it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from openhands_tiered_router.policy.changed import changed
from openhands_tiered_router.policy.decision import Dimension
from openhands_tiered_router.policy.difficulty.dimensions import (
    CONVERSATION_SIGNALS,
    GRAPH_SIGNALS,
    TEXT_SIGNALS,
    ConversationInput,
    GraphFacts,
    Signal,
    TextInput,
)
from openhands_tiered_router.policy.difficulty.lru import Lru
from openhands_tiered_router.policy.difficulty.task_weights import (
    TaskWeights,
    default_weights,
)
from openhands_tiered_router.policy.difficulty.text import user_text
from openhands_tiered_router.policy.difficulty.text_cues import cues_of
from openhands_tiered_router.policy.engine import Draft
from openhands_tiered_router.policy.request import Purpose
from openhands_tiered_router.policy.session import SessionState


_REMEMBERED: Final = 1_024
"""Texts whose signals are kept; by hash and length, never the text itself."""
_REPLY: Final = 24
"""A later message of fewer characters is a reply ("yes, go on"), not a new task."""
_REPORT: Final = 0.25
"""Share of a report from which a text without tools or workspace asks for work on code;
so does one with two pieces of code, or one as long as a report that does not begin as
a prompt. Of 2,152 labelled prompts 1 % do, of 309 public issues all but 2."""
DEFAULT_WINDOW: Final = 200_000
"""Context window, tokens, where no endpoint's is known."""

GraphSource = Callable[[str, str], GraphFacts | None]
"""From a workspace and a text to what its graph says; ``None``: no graph (yet)."""


@dataclass(frozen=True, slots=True)
class TaskScore:
    """A task's complexity, with everything that made it."""

    score: float
    """In [0, 1]."""
    base: float
    """What the score begins with; each dimension adds its value times its weight."""
    dimensions: tuple[Dimension, ...]
    issue_share: float
    """In [0, 1]: how far the weights for reports about code were used."""
    is_work: bool = True
    """Whether it asks for work, and not for an answer."""


@dataclass(frozen=True, slots=True)
class _Reading:
    signals: tuple[Signal, ...]
    length: float
    """How far it is as long as a report, in [0, 1]."""
    about_code: float
    """How far it holds names, paths or code, in [0, 1]."""
    asks: bool
    """Whether it begins as a question or an order ("what", "summarise"), or ends as a
    question; a title does not."""

    @property
    def is_report(self) -> bool:
        """Whether it asks for work even where nothing but it says so.

        A text that neither asks nor orders, such as a title, names a task.
        """
        if self.length * self.about_code >= _REPORT or self.about_code >= 1.0:
            return True
        return not self.asks


@dataclass(frozen=True)
class TaskScorer:
    """Scores tasks with one set of weights. Thread-safe; remembers recent texts."""

    given: TaskWeights | None = None
    """``None``: those that the package ships with, read at the first score."""
    _texts: Lru[_Reading] = field(default_factory=lambda: Lru(_REMEMBERED), repr=False)
    _graphs: Lru[GraphFacts] = field(
        default_factory=lambda: Lru(_REMEMBERED), repr=False
    )
    _fixed: Lru[_Fixed] = field(default_factory=lambda: Lru(_REMEMBERED), repr=False)

    @property
    def weights(self) -> TaskWeights:
        """The weights in use."""
        return self.given or default_weights()

    def score(
        self,
        text: str,
        session: SessionState | None = None,
        *,
        prompt_tokens: int = 0,
        window: int = DEFAULT_WINDOW,
        agent: bool = False,
        workspace: str | None = None,
        graph: GraphSource | None = None,
        overrides: Mapping[str, float] | None = None,
    ) -> TaskScore:
        """The complexity of the task that a message asks for.

        Args:
            text: The user's message as it came, harness text included.
            session: What went before it.
            prompt_tokens: Size of the whole prompt.
            window: Largest context window that may serve it, tokens.
            agent: Whether an agent with tools is to do it.
            workspace: Directory that the task is about.
            graph: Where to ask about the workspace; must not block.
            overrides: Weights to use instead of the fitted ones, by dimension.
        """
        key = (hash(text), len(text))
        reading = self._texts.get(key) or self._texts.put(key, self._read(text))
        share, is_work = reading.length, True
        if not (agent or workspace):
            share *= reading.about_code
            is_work = reading.is_report
        found = self._facts(key, text, workspace, graph)
        given = tuple(sorted(overrides.items())) if overrides else ()
        # What a conversation adds changes with each turn; the rest does not.
        place = (*key, share, found, given)
        fixed = self._fixed.get(place) or self._fixed.put(
            place, self._weighted(reading, found, share, dict(given))
        )
        x = ConversationInput(session or SessionState(), prompt_tokens, window)
        conversation = tuple(
            _dimension(name, CONVERSATION_SIGNALS[name](x), weight)
            for name, weight in fixed.conversation
        )
        total = fixed.sum + sum(d.value * d.weight for d in conversation)
        return TaskScore(
            score=min(max(total, 0.0), 1.0),
            base=fixed.base,
            dimensions=(*fixed.text, *conversation, *fixed.graph),
            issue_share=share,
            is_work=is_work,
        )

    def _read(self, text: str) -> _Reading:
        words = user_text(text)
        models = self.weights.cues
        x = TextInput(
            text=words,
            cues=cues_of(words),
            openness=models["question_ambiguity"],
            breadth=models["breadth"],
            reasoning=models["reasoning_cues"],
        )
        signals = tuple(f(x) for f in TEXT_SIGNALS.values())
        cues = x.cues.values
        asks = bool(cues.get("asks")) or any(c.startswith("starts:") for c in cues)
        return _Reading(signals, words.report_length, words.code_marks, asks)

    def _facts(
        self,
        key: tuple[int, int],
        text: str,
        workspace: str | None,
        source: GraphSource | None,
    ) -> GraphFacts | None:
        if source is None or workspace is None:
            return None
        place = (*key, workspace)
        found = self._graphs.get(place)
        if found is None and (found := source(workspace, user_text(text).text)):
            self._graphs.put(place, found)
        return found

    def _weighted(
        self,
        reading: _Reading,
        facts: GraphFacts | None,
        share: float,
        given: Mapping[str, float],
    ) -> _Fixed:
        prompt = {**self.weights.prompt.weights, **given}
        issue = {**self.weights.issue.weights, **given}
        weights = {n: _between(prompt[n], issue[n], share) for n in prompt}
        neutral = self.weights.neutral
        text = tuple(
            _dimension(name, signal, weights[name])
            for name, signal in zip(TEXT_SIGNALS, reading.signals, strict=True)
        )
        graph = tuple(
            _dimension(
                name,
                f(facts) if facts else Signal(neutral[name], "no code graph"),
                weights[name],
            )
            for name, f in GRAPH_SIGNALS.items()
        )
        base = _between(self.weights.prompt.base, self.weights.issue.base, share)
        return _Fixed(
            text=text,
            graph=graph,
            conversation=tuple((n, weights[n]) for n in CONVERSATION_SIGNALS),
            base=base,
            sum=base + sum(d.value * d.weight for d in (*text, *graph)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fixed:
    """What a text and its graph add, whatever becomes of the conversation."""

    text: tuple[Dimension, ...]
    graph: tuple[Dimension, ...]
    conversation: tuple[tuple[str, float], ...]
    """The conversation's dimensions with their weights."""
    base: float
    sum: float
    """Base and terms of text and graph."""


def _dimension(name: str, signal: Signal, weight: float) -> Dimension:
    return Dimension(
        name=name, value=signal.value, weight=weight, evidence=signal.evidence
    )


def _between(at_zero: float, at_one: float, share: float) -> float:
    return at_zero + (at_one - at_zero) * share


def task_of(session: SessionState) -> str:
    """What is to be done now: the latest message that is no mere reply."""
    if len(session.request.strip()) < _REPLY:
        return session.task
    return session.request


@dataclass(frozen=True)
class TaskScoreRule:
    """Scores the task; alone it decides only questions outside of conversations.

    Of a task it says how difficult it may be, for `policy.value`; that is a weak prior
    (docs/scoring.md). Where success rates are not known it changes nothing there.
    """

    graph: GraphSource | None = None
    scorer: TaskScorer = field(default_factory=TaskScorer)

    def __call__(self, draft: Draft) -> Draft:
        request = draft.request
        if request.purpose not in (Purpose.SINGLE, Purpose.TURN):
            return draft
        windows = (e.max_input_tokens for e in draft.tiers.endpoints)
        result = self.scorer.score(
            task_of(draft.session),
            draft.session,
            prompt_tokens=request.prompt_tokens,
            window=max((w for w in windows if w), default=DEFAULT_WINDOW),
            agent=request.needs_tools,
            workspace=request.workspace,
            graph=self.graph,
            overrides=draft.policy.dimension_weights,
        )
        draft = changed(
            draft,
            score=result.score,
            dimensions=result.dimensions,
            difficulty=self._difficulty(result),
            is_work=result.is_work,
        )
        text = f"complexity {result.score:.2f}: {leading(result.dimensions)}"
        if request.purpose is Purpose.SINGLE:
            draft = changed(draft, required=draft.tiers.tier_for(result.score))
        return draft.because("task_score", text)

    def _difficulty(self, result: TaskScore) -> float:
        """What the score says of a report's difficulty, in tenths.

        It was fitted to reports before any work, so a prompt's share and what the
        conversation adds are left out. Tenths, so that equal sums are remembered.
        """
        conversation = sum(
            d.value * d.weight
            for d in result.dimensions
            if d.name in CONVERSATION_SIGNALS
        )
        shift = self.scorer.weights.difficulty.shift(result.score - conversation)
        return round(shift * result.issue_share, 1)


def leading(dimensions: tuple[Dimension, ...], most: int = 3) -> str:
    """The dimensions that add most, in words."""
    ranked = sorted(dimensions, key=lambda d: -d.value * d.weight)
    return ", ".join(
        f"{d.name} {d.value * d.weight:+.2f}" for d in ranked[:most] if d.weight
    )
