"""What is recorded: calls, tools, events, verdicts.

A record in the queue, a row in the file and a fact in a report are the same type:
``schema`` makes the table of these fields.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from msgspec import Struct, structs

from openhands_tiered_router.policy.decision import (
    Candidate,
    Decision,
    Dimension,
    Reason,
)
from openhands_tiered_router.policy.outcome import Attempt, Outcome
from openhands_tiered_router.tiers import Tier, TierSet


AGENT_TURN: Final = "agent"
"""Purpose of a call that the agent's own loop made; others name a side request."""


class ToolStatus(StrEnum):
    """How far a tool call got."""

    PENDING = "pending"
    """Asked for by the model; no result was seen."""
    DONE = "done"
    """It ran: well or badly."""
    INVALID = "invalid"
    """It could not run: unknown tool, unreadable arguments, or a crash of the tool."""
    REJECTED = "rejected"
    """The user said no."""
    BLOCKED = "blocked"
    """A hook said no."""
    CANCELLED = "cancelled"
    """A pause or interrupt came before its end."""


class ToolResult(Struct, frozen=True, kw_only=True):
    """What one tool call came to; never its arguments or result.

    Providers reuse tool-call ids within a conversation, and some reuse response
    ids across conversations, so a result is known by all three ids together.
    """

    conversation_id: str | None
    response_id: str | None
    """``None``: not known; the newest pending call of that tool-call id is meant."""
    tool_call_id: str
    tool_name: str
    time: float
    """Of the last thing known of it, seconds since the epoch."""
    status: ToolStatus = ToolStatus.PENDING
    action_kind: str | None = None
    """What the call was for, such as ``search`` or ``edit``; ``None``: not judged."""
    exit_code: int | None = None
    """Of a terminal command; -1: still running when the tool returned."""
    is_error: bool | None = None
    """What the tool said of itself: ``False`` for a command that exits with 2."""
    failed: bool | None = None
    """Error, invalid call, exit code other than 0, or tests that say so; ``None``: it
    has not run."""
    seconds: float | None = None
    """From the model's answer to the result, waiting for sibling calls included."""
    target: int | None = None
    """Stands for the file that it changed, equal within a process; not the path."""
    failure: int | None = None
    """Stands for how it failed, equal within a process; not what was said."""


class Explanation(Struct, frozen=True, omit_defaults=True):
    """The parts of a decision that explain it; stored apart as one JSON text."""

    fallbacks: tuple[str, ...] = ()
    candidates: tuple[Candidate, ...] = ()
    reasons: tuple[Reason, ...] = ()
    dimensions: tuple[Dimension, ...] = ()


class Call(Struct, kw_only=True):
    """A routed call: a row of ``decisions``.

    A field between ``time`` and ``signs`` is a column of the same name. Tiers are
    stored by name.
    """

    id: str
    """UUIDv7 made by the router."""
    conversation_id: str | None = None
    config: str | None = None
    """Fingerprint of the configuration that it was routed by."""
    key: int | None = None
    """Number of the row, once it has one."""

    # The decision.
    time: float
    """When it was made, seconds since the epoch."""
    turn: int | None = None
    """Number of the agent's turn, from 0; ``None``: not part of the agent's loop."""
    purpose: str | None = None
    policy: str | None = None
    tier: str
    endpoint: str
    model: str | None = None
    """litellm model string of the chosen endpoint."""
    required: str | None = None
    """The weakest tier that was judged good enough, before bounds."""
    floor: str | None = None
    cap: str | None = None
    pinned: bool | None = None
    score: float | None = None
    """The task's complexity, 0 to 1."""
    p_mechanical: float | None = None
    """P(the turn is mechanical); 0: it opens the work or answers a failure."""
    estimated_now: float | None = None
    """USD that the choice was expected to cost now."""
    estimated_return: float | None = None
    """USD that it was expected to cause later."""
    weighed: str | None = None
    """The endpoint that it was weighed against; ``None``: nothing was weighed."""
    weighed_tier: str | None = None
    weighed_now: float | None = None
    weighed_return: float | None = None
    overhead_us: float | None = None
    """Time that deciding took, microseconds."""

    # The outcome.
    answered: bool
    served_tier: str | None = None
    """Tier of the endpoint that answered: after a failover, not the chosen one."""
    served_endpoint: str | None = None
    served_model: str | None = None
    prompt_tokens: int | None = None
    """Cached ones included."""
    completion_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    cost: float | None = None
    """USD as in the SDK's own metrics; ``None``: the price is not known."""
    seconds: float | None = None
    """Whole call, waiting and failover included."""
    first_token_seconds: float | None = None
    """To the first chunk; ``None``: not streamed."""
    requests: int | None = None
    """Requests that were sent for it; more than one: a failover or a retry."""
    error_kind: str | None = None
    """Why the call failed as a whole: the last request's error."""
    response: str | None = None
    """The provider's id of the answer."""
    hour_paid: float | None = None
    """USD that buying an hour of cache cost; see ``Outcome``."""
    hour_saved: float | None = None
    """USD that hours bought before saved."""
    spared_results: int | None = None
    """Tokens left out of the prompt, as ``Outcome`` has them."""
    spared_schemas: int | None = None
    spared_usd: float | None = None

    # What ``judging`` finds out afterwards.
    hard: bool | None = None
    """Whether the turn was more than mechanical, by what it then did."""
    moved: bool | None = None
    """Whether another endpoint served than the turn before."""
    provision: str | None = None
    """``right``, ``over`` or ``under``."""
    carried: int | None = None
    """Tokens of the prompt that the turn before had sent, if it was within the cache's
    lifetime: what should have been cached where the same endpoint served again."""
    rewrite_usd: float | None = None
    """What a change of endpoint cost: the price of writing what the turn before had
    sent, less that of reading it."""
    alone_simple: float | None = None
    """USD, had the first endpoint of that tier served the conversation alone."""
    alone_medium: float | None = None
    alone_complex: float | None = None
    alone_reasoning: float | None = None
    signs: str | None = None
    """What speaks against the decision: names, separated by blanks."""

    # Kept in tables of their own.
    tiers: TierSet | None = None
    """What it was chosen from, with prices."""
    tier_set: int | None = None
    """Key of that in the file."""
    attempts: tuple[Attempt, ...] = ()
    explanation: Explanation | None = None
    tools: tuple[ToolResult, ...] = ()
    """Of the answer's tool calls, oldest first; see ``TelemetryFile.turns``."""

    @property
    def decision(self) -> Decision:
        """The decision as it was made."""
        known = self.explanation or Explanation()
        return Decision(
            tier=Tier.parse(self.tier),
            endpoint=self.endpoint,
            fallbacks=known.fallbacks,
            required=Tier.parse(self.required or self.tier),
            floor=None if self.floor is None else Tier.parse(self.floor),
            cap=None if self.cap is None else Tier.parse(self.cap),
            pinned=bool(self.pinned),
            score=self.score or 0.0,
            p_mechanical=self.p_mechanical,
            candidates=known.candidates,
            reasons=known.reasons,
            dimensions=known.dimensions,
            policy=self.policy or "",
        )

    @property
    def shown_tier(self) -> str:
        """The tier that served, else the one that was chosen."""
        return self.served_tier or self.tier


_FIELDS: Final = Call.__struct_fields__
JUDGED: Final = _FIELDS[_FIELDS.index("hard") : _FIELDS.index("tiers")]
"""Columns that ``judging`` fills."""
RECORDED: Final = _FIELDS[_FIELDS.index("time") : _FIELDS.index("hard")]
"""Columns that are known when the call ends."""


def routed(
    decision: Decision,
    outcome: Outcome,
    *,
    decision_id: str,
    conversation_id: str | None,
    time: float,
    tiers: TierSet | None = None,
    turn: int | None = None,
    purpose: str = AGENT_TURN,
    overhead_us: float | None = None,
    config: str | None = None,
) -> Call:
    """A call's row; for the arguments see ``Call``."""
    known = {} if tiers is None else {e.key: e for e in tiers.endpoints}
    chosen = next(
        (c for c in decision.candidates if c.endpoint == decision.endpoint), None
    )
    other = _weighed(decision)
    asked, served = known.get(decision.endpoint), known.get(outcome.endpoint or "")
    usage, attempts = outcome.usage, outcome.attempts
    failed = outcome.endpoint is None and attempts
    error = attempts[-1].error if failed else None
    return Call(
        id=decision_id,
        conversation_id=conversation_id,
        config=config,
        time=time,
        turn=turn,
        purpose=purpose,
        policy=decision.policy,
        tier=str(decision.tier),
        endpoint=decision.endpoint,
        model=asked and asked.model,
        required=str(decision.required),
        floor=None if decision.floor is None else str(decision.floor),
        cap=None if decision.cap is None else str(decision.cap),
        pinned=decision.pinned,
        score=decision.score,
        p_mechanical=decision.p_mechanical,
        estimated_now=chosen and chosen.cost_now,
        estimated_return=chosen and chosen.cost_return,
        weighed=other and other.endpoint,
        weighed_tier=str(other.tier) if other else None,
        weighed_now=other and other.cost_now,
        weighed_return=other and other.cost_return,
        overhead_us=overhead_us,
        answered=outcome.endpoint is not None,
        served_tier=str(served.tier) if served else None,
        served_endpoint=outcome.endpoint,
        served_model=served and served.model,
        prompt_tokens=usage.prompt,
        completion_tokens=usage.completion,
        cache_read_tokens=usage.cache_read,
        cache_write_tokens=usage.cache_write,
        reasoning_tokens=usage.reasoning,
        cost=outcome.cost,
        seconds=outcome.seconds,
        first_token_seconds=outcome.first_token_seconds,
        requests=len(attempts),
        error_kind=None if error is None else str(error),
        response=outcome.response_id,
        hour_paid=outcome.hour_paid or None,
        hour_saved=outcome.hour_saved or None,
        spared_results=outcome.spared_results or None,
        spared_schemas=outcome.spared_schemas or None,
        spared_usd=outcome.spared_usd or None,
        tiers=tiers,
        attempts=attempts,
        explanation=Explanation(
            fallbacks=decision.fallbacks,
            candidates=decision.candidates,
            reasons=decision.reasons,
            dimensions=decision.dimensions,
        ),
    )


def _weighed(decision: Decision) -> Candidate | None:
    """What was weighed against the choice: of those priced, the least dear now."""
    priced = [
        c
        for c in decision.candidates
        if c.endpoint != decision.endpoint and c.cost_now is not None
    ]
    return min(priced, key=lambda c: c.cost_now or 0.0, default=None)


type Detail = str | int | float | bool | None
"""What a guard may say of an event: numbers, flags, and names that are not texts."""


class GuardEvent(Struct, frozen=True, kw_only=True):
    """Something that a guard did, or saw and let pass."""

    conversation_id: str | None
    time: float
    """Seconds since the epoch."""
    guard: str
    """Which one, such as ``budget``."""
    kind: str
    """What happened, such as ``soft_limit``."""
    detail: Mapping[str, Detail] = {}
    """By field's name. Strings are names: no words of users, models or commands."""


VERIFIER: Final = "verifier"
"""The judge that is this package's own; others are ``human``, ``ci`` or a name."""


class Verdict(Struct, frozen=True, kw_only=True):
    """What a judge made of a conversation's work."""

    conversation_id: str | None
    time: float
    """Seconds since the epoch."""
    judge: str = VERIFIER
    accepted: bool | None
    """``None``: it could not be judged, which is no acceptance."""
    reason: str
    """In one word: ``passed``, ``tests_fail``, ``no_tests``, ..."""
    round: int | None = None
    """How often this judge had rejected the work on the same task and sent it back."""
    tests: int | None = None
    """Test files that were run."""
    failing: int | None = None
    """Of these, those that the change made fail."""
    already_failing: int | None = None
    """Of these, those that failed without the change too."""
    seconds: float | None = None
    """Time that the judging took."""


class Loss(Struct, frozen=True):
    """Records that never reached the file; written so that reports can say so."""

    time: float
    count: int


class TextRecord(Struct, frozen=True, kw_only=True):
    """What was said in a recorded decision's call, redacted and cut; see ``texts``."""

    decision_id: str
    request: str | None
    """What the user said since the last answer; ``None``: nothing."""
    answer: str | None
    """What the model said, its tool calls included; ``None``: it did not answer."""


type Record = Call | ToolResult | GuardEvent | Verdict | TextRecord | Loss

replace: Final = structs.replace
"""A copy of a record with other values."""
