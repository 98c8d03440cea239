"""What the engine remembers of a conversation: small, immutable, derived from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Any, Final

from openhands_tiered_router.policy.actions import (
    Action,
    action_of,
    files_of,
    is_hard,
    with_result,
)
from openhands_tiered_router.policy.caches import Gaps, WarmPrefix, used
from openhands_tiered_router.policy.changed import changed
from openhands_tiered_router.policy.cues import text_cues
from openhands_tiered_router.policy.entry import MARKER, Entry
from openhands_tiered_router.policy.kinds import CHANGES, ActionKind
from openhands_tiered_router.policy.outcome import Usage
from openhands_tiered_router.policy.tally import Pace, Tally
from openhands_tiered_router.policy.tools import ToolFacts, facts_of
from openhands_tiered_router.policy.trouble import Edits, judged
from openhands_tiered_router.policy.workspace import widened
from openhands_tiered_router.tiers import FIVE_MINUTES, Tier


RECENT_TURNS: Final = 12
"""Turns kept in detail; no rule looks back further."""

CHARS_PER_TOKEN: Final = 4
"""For sizes before a provider has counted: English text and code come to 3.5-4.5."""

TYPICAL_GROWTH: Final = 600.0
TYPICAL_OUTPUT: Final = 270.0
"""Tokens that a turn adds to the prompt, and tokens of an answer: what a session is
taken for until it shows its own. Geometric means of five agents (320 to 1,160 and 200
to 420; docs/benchmarks.md)."""
_GROWTH_WEIGHT: Final = 6.0
_OUTPUT_WEIGHT: Final = 25.0
_MOST_GROWTH: Final = 5.0
"""Turns of its own that outweigh those, and expected growths that one turn counts as
at most (a file read whole): they predict the rest of recorded sessions best, by square
error of logarithms, agents alike. Letting older turns fade adds nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One answer of the model: what it did, and how that went."""

    actions: tuple[Action, ...]
    text_chars: int = 0
    """Length of what it said beside the tool calls."""
    text_cues: int = 0
    """Bits of ``cues.TEXT_CUES``."""
    hard: bool = True
    """Whether it was no mechanical turn; see ``actions.is_hard``."""
    same_file: bool = False
    """Whether it named a file that the turn before it named."""

    @property
    def kind(self) -> ActionKind:
        """The kind of its last action; ``MESSAGE`` if it took none."""
        return self.actions[-1].kind if self.actions else ActionKind.MESSAGE

    @property
    def failed(self) -> bool:
        """Whether any of its actions is known to have failed."""
        return any(a.failed for a in self.actions)

    @property
    def speaks_of_failure(self) -> bool:
        """Whether any of its results has the words of a failure, whoever wrote them."""
        return any(a.speaks_of_failure for a in self.actions)

    @property
    def trouble(self) -> bool:
        """Whether any of its actions failed that was not expected to."""
        return any(a.trouble for a in self.actions)


@dataclass(frozen=True, slots=True)
class Nudge:
    """What a guard asks for the coming turns; the history does not tell it."""

    reason: str
    steps: int
    """Tiers above the base tier; 0: that one."""
    until: int
    """Turns of the conversation after which it is void."""


@dataclass(frozen=True, kw_only=True)
class SessionState:
    """A conversation so far. ``fold`` gives the next state; nothing is mutated."""

    task: str = ""
    """The user's first words."""
    request: str = ""
    """The user's latest words."""
    user_messages: int = 0
    turns: int = 0
    recent: tuple[Turn, ...] = ()
    """The last ``RECENT_TURNS`` turns, oldest first."""
    pin: Tier | None = None
    """From a ``[tier: ...]`` marker in a user message; holds until the next marker."""
    chars: int = 0
    """Characters of all messages folded in."""
    images: int = 0
    blocks: int = 0
    """Content blocks of all messages: texts and tool calls."""
    prompt_tokens: int = 0
    """Size of the last prompt as the provider counted it; 0: not known."""
    growth: float = TYPICAL_GROWTH
    """Tokens by which a prompt is expected to exceed the one before."""
    output: float = TYPICAL_OUTPUT
    """Tokens that an answer is expected to have."""
    measured: int = 0
    """Answers with counted tokens."""
    chars_at_prompt: int = 0
    """``chars`` when ``prompt_tokens`` was measured."""
    warm: Mapping[str, WarmPrefix] = field(default_factory=dict)
    """By ``Endpoint.cache_id``."""
    gaps: Mapping[str, Gaps] = field(default_factory=dict)
    """From start to start of the requests to a cache, by ``Endpoint.cache_id``;
    those in which the user spoke are in ``waits``."""
    waits: Gaps = Gaps()
    """Gaps in which the user spoke."""
    since_user: int = 0
    """Turns since the user last spoke."""
    root: str = ""
    """The directory that the agent works in, as far as its calls tell."""
    tools: Mapping[str, ToolFacts] = field(default_factory=dict)
    """What the definitions of tools declare, for those that are not known by name."""
    edits: Edits = Edits()
    tally: Tally = Tally()
    pace: Pace = Pace()
    served: Tier | None = None
    """The tier whose answer has not been folded in yet."""
    answered_by: str | None = None
    """``cache_id`` of the endpoint that answered last."""
    edited_by: Tier | None = None
    """The tier that served the last edit; not known of a history read anew."""
    rejected: tuple[Tier | None, ...] = ()
    """Tiers whose work failed a verification since the last that passed, oldest
    first; ``None``: not known which. From outside."""
    nudge: Nudge | None = None

    @property
    def last(self) -> Turn | None:
        return self.recent[-1] if self.recent else None

    @property
    def after_user(self) -> bool:
        """Whether the coming turn is the first since the user spoke."""
        return self.since_user == 0

    @property
    def verification(self) -> int:
        """Verifications that failed since the last that passed."""
        return len(self.rejected)

    @property
    def of_request(self) -> tuple[Turn, ...]:
        """Those of the recent turns that came since the user spoke, oldest first."""
        return self.recent[-self.since_user :] if self.since_user else ()

    @property
    def must_be_hard(self) -> bool:
        """Whether the coming turn opens the work on a request or answers a failure."""
        return self.after_user or self.last is None or self.last.failed

    @property
    def context(self) -> tuple[str, ...]:
        """What the tally counts the coming turn under: the last two kinds."""
        if self.last is None:
            return ()
        kinds = tuple(str(turn.kind) for turn in self.recent[-2:])
        return (*kinds, "failed") if self.last.failed else kinds

    def fold(self, entries: Iterable[Entry]) -> SessionState:
        """The state after those further messages. Work is linear in them alone."""
        state = self
        for entry in entries:
            # One copy for each message: copies are most of what a step costs.
            state = changed(
                state,
                **_FOLDS[entry.role](state, entry),
                chars=state.chars + len(entry.text),
                images=state.images + entry.images,
                blocks=state.blocks + bool(entry.text) + len(entry.calls),
            )
        return state

    def after_call(
        self,
        cache_id: str,
        usage: Usage,
        now: float,
        tier: Tier | None = None,
        ttl: float | None = None,
        *,
        started: float | None = None,
        short: float = FIVE_MINUTES,
    ) -> SessionState:
        """The state after an endpoint answered, before its answer is folded in.

        Args:
            cache_id: The endpoint's ``cache_id``.
            usage: Tokens as the provider counted them.
            now: Epoch seconds at the end of the call.
            tier: The endpoint's tier; without it a hard turn that a weak tier served
                is not counted as one.
            ttl: Seconds for which what it wrote to the cache was bought; ``None``:
                ``short``.
            started: Epoch seconds at the start of the request, from which the
                cache's lifetime runs; ``None``: it took no time.
            short: The endpoint's ``cache_ttl``.
        """
        at = now if started is None else started
        before = self.warm.get(cache_id)
        state = changed(
            self,
            served=tier,
            answered_by=cache_id,
            pace=self.pace.answered(now, waited=self.after_user),
            **self.gap_of(cache_id, at - before.requested_at if before else None),
        )
        if not usage.prompt:
            return state
        # A provider that counts writes says exactly what it holds; others keep all.
        counted = usage.cache_write > 0
        prefix = used(
            before,
            tokens=usage.cache_read + usage.cache_write if counted else usage.prompt,
            at=at,
            blocks=self.blocks,
            ttl=ttl,
            short=short,
            read=usage.cache_read if counted else None,
        )
        return changed(
            state,
            prompt_tokens=usage.prompt,
            growth=self._growth(usage.prompt),
            output=self._towards(self.output, usage.completion, _OUTPUT_WEIGHT),
            measured=self.measured + 1,
            chars_at_prompt=self.chars,
            warm={**self.warm, cache_id: prefix},
        )

    def kept_alive(self, cache_id: str, at: float) -> SessionState:
        """The state after a request that only kept a cache alive, begun at ``at``."""
        before = self.warm.get(cache_id)
        if before is None:
            return self
        return changed(self, warm={**self.warm, cache_id: before.kept_alive(at)})

    def gap_of(self, cache_id: str, seconds: float | None) -> dict[str, Any]:
        """What changes with a gap of so many seconds; ``None``: there was none."""
        if seconds is None or seconds < 0.0:
            return {}
        if self.after_user:
            return {"waits": self.waits.after(seconds)}
        known = self.gaps.get(cache_id, Gaps())
        return {"gaps": {**self.gaps, cache_id: known.after(seconds)}}

    def _growth(self, prompt: int) -> float:
        if not self.prompt_tokens or prompt < self.prompt_tokens:
            return self.growth
        grown = min(prompt - self.prompt_tokens, _MOST_GROWTH * self.growth)
        return self._towards(self.growth, grown, _GROWTH_WEIGHT)

    def _towards(self, mean: float, value: float, weight: float) -> float:
        """The running mean with one more value; the prior counts as ``weight``."""
        return mean + (value - mean) / (self.measured + weight + 1.0)

    def expected_prompt(self, tools_tokens: int = 0) -> int:
        """Expected size of the next prompt, tokens.

        The last prompt's count plus what came since; at first, characters and tools.
        """
        if self.prompt_tokens:
            new = self.chars - self.chars_at_prompt
            return self.prompt_tokens + new // CHARS_PER_TOKEN
        return self.chars // CHARS_PER_TOKEN + tools_tokens

    def verified(self, passed: bool) -> SessionState:
        """The state after a verification of the work, made outside the model."""
        rejected = () if passed else (*self.rejected, self.edited_by)
        return changed(self, rejected=rejected)

    def knowing(self, tools: Iterable[Any]) -> SessionState:
        """The state that knows what those tool definitions declare; see ``facts_of``.

        Args:
            tools: In MCP's, OpenAI's or Anthropic's form; others are passed over.
        """
        return changed(self, tools=facts_of(tools))

    def nudged(self, asked: Nudge) -> SessionState:
        """The state after a guard asked for a stronger model; the higher one counts."""
        now = self.nudge
        if now and now.until > self.turns and now.steps > asked.steps:
            return self
        return changed(self, nudge=asked)

    def condensed(self, rebuilt: SessionState) -> SessionState:
        """``rebuilt`` from a shortened history, with what the history no longer tells.

        Prompt caches are cold after the history was edited, so ``warm`` is not kept.
        """
        return changed(
            rebuilt,
            task=self.task or rebuilt.task,
            turns=max(self.turns, rebuilt.turns),
            recent=rebuilt.recent or self.recent,
            pin=rebuilt.pin or self.pin,
            edits=self.edits.before(rebuilt.edits),
            tally=max(self.tally, rebuilt.tally, key=lambda tally: tally.turns),
            root=self.root or rebuilt.root,
            tools=self.tools,
            growth=self.growth,
            output=self.output,
            measured=self.measured,
            pace=self.pace,
            gaps=self.gaps,
            waits=self.waits,
            served=self.served,
            edited_by=self.edited_by,
            rejected=self.rejected,
            nudge=self.nudge,
        )


def _fold_user(state: SessionState, entry: Entry) -> dict[str, Any]:
    markers = MARKER.findall(entry.text)
    pin = state.pin
    if markers:
        last = markers[-1].lower()
        pin = None if last == "auto" else Tier.parse(last)
    return {
        "task": state.task or entry.text,
        "request": entry.text,
        "user_messages": state.user_messages + 1,
        "since_user": 0,
        "pin": pin,
    }


def _fold_assistant(state: SessionState, entry: Entry) -> dict[str, Any]:
    tools = state.tools
    actions = tuple(action_of(c, state.root, tools.get(c.name)) for c in entry.calls)
    before = state.last
    known = files_of(before.actions) if before else frozenset()
    # Where nothing is there yet to be edited, what is made is the work.
    work = {ActionKind.EDIT} if state.edits.sources else CHANGES
    edits = any(action.kind in work for action in actions)
    turn = Turn(
        actions=actions,
        text_chars=len(entry.text),
        text_cues=text_cues(entry.text),
        hard=is_hard(actions, state.must_be_hard),
        same_file=not known.isdisjoint(files_of(actions)),
    )
    return {
        "turns": state.turns + 1,
        "recent": (*state.recent, turn)[-RECENT_TURNS:],
        "since_user": state.since_user + 1,
        "tally": state.tally.turn(turn.kind, turn.hard, state.context),
        "edited_by": state.served if edits else state.edited_by,
        "served": None,
        "root": reduce(widened, (a.place for a in actions), state.root),
    }


def _fold_tool(state: SessionState, entry: Entry) -> dict[str, Any]:
    """Puts a result to the newest turn that waits for it."""
    for i in range(len(state.recent) - 1, -1, -1):
        turn = state.recent[i]
        for k, action in enumerate(turn.actions):
            if action.failed is None and action.call_id == entry.call_id:
                done = judged(with_result(action, entry), state.edits)
                actions = (*turn.actions[:k], done, *turn.actions[k + 1 :])
                turn = replace(turn, actions=actions)
                recent = (*state.recent[:i], turn, *state.recent[i + 1 :])
                tally = state.tally.failed() if done.failed else state.tally
                edits = state.edits.after(done)
                return {"recent": recent, "edits": edits, "tally": tally}
    return {}


_FOLDS: Final = {
    "system": lambda _state, _entry: {},
    "user": _fold_user,
    "assistant": _fold_assistant,
    "tool": _fold_tool,
}
