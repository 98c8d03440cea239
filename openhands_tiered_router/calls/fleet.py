"""What conversations of one process share: endpoint health and session records."""

from __future__ import annotations

import os
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from openhands_tiered_router.calls.health.endpoint import EndpointHealth
from openhands_tiered_router.calls.history.authors import Authors
from openhands_tiered_router.policy.decision import Decision
from openhands_tiered_router.policy.fleet import Health
from openhands_tiered_router.policy.outcome import Outcome
from openhands_tiered_router.policy.request import Purpose
from openhands_tiered_router.policy.session import Nudge, SessionState
from openhands_tiered_router.tiers import Tier


if TYPE_CHECKING:
    # It imports the SDK, which takes seconds; this module is needed without it too.
    from openhands_tiered_router.calls.history.adapt import HistoryAdapter


MAX_SESSIONS: Final = 200
"""Conversations remembered; the least recently used is rebuilt from its history."""
MAX_CALLS: Final = 300
"""Routed calls remembered of each conversation, some 6 kB each."""
MAX_RESPONSES: Final = 10_000
"""Answers of which it is remembered to which conversation they went."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutedCall:
    """One call that was routed, with what became of it."""

    decision_id: str
    session_id: str | None
    purpose: Purpose
    turn: int
    """Answers of the model before this call."""
    at: float
    """Epoch seconds when the decision was made."""
    overhead: float
    """Seconds that the decision took, history and state included."""
    decision: Decision
    outcome: Outcome

    @property
    def tier(self) -> Tier:
        """The tier that served: above the decided one after a failover."""
        answered = self.outcome.endpoint
        return Tier.of(answered) if answered else self.decision.tier


@dataclass(slots=True)
class SessionRecord:
    """What is kept of a conversation between calls; hold ``lock`` to change it."""

    state: SessionState = field(default_factory=SessionState)
    seen: int = 0
    """Messages folded into ``state``."""
    answers: int = 0
    """Turns answered, which a condensed history no longer tells."""
    answered_here: int = 0
    """Of those, the ones that this process routed; others may have routed more."""
    last_message: int = 0
    """Fingerprint of the last of them, to notice an edited history."""
    authors: Authors = field(default_factory=Authors)
    adapters: dict[str, HistoryAdapter] = field(default_factory=dict)
    """By ``Endpoint.cache_id`` and API."""
    ends: dict[str, tuple[int, int]] = field(default_factory=dict)
    """By ``Endpoint.cache_id``: messages of the last prompt that was cached there,
    and the fingerprint of the last of them."""
    long_ends: dict[str, tuple[int, int]] = field(default_factory=dict)
    """The same of the last prompt that was bought for an hour."""
    workspace: str | None = None
    tools_tokens: int | None = None
    """Size of the tool schemas, tokens; ``None``: not measured yet."""
    calls: deque[RoutedCall] = field(default_factory=lambda: deque(maxlen=MAX_CALLS))
    lock: threading.Lock = field(default_factory=threading.Lock)

    def rejected(self, times: int) -> None:
        """Notes how many verdicts in a row have rejected the work; 0: it passed."""
        with self.lock:
            if times < self.state.verification:
                self.state = self.state.verified(passed=True)
            while self.state.verification < times:
                self.state = self.state.verified(passed=False)

    def escalate(self, reason: str, *, steps: int = 0, turns: int = 1) -> None:
        """Raises the floor of the next turns: how guards talk to the engine.

        Args:
            reason: A word or two; no texts of the conversation.
            steps: Tiers above the base tier; 0: that one.
            turns: For how many turns of the conversation.
        """
        with self.lock:
            # The answer that a guard has just seen is not folded in yet.
            done = max(self.answers, self.state.turns)
            self.state = self.state.nudged(Nudge(reason, steps, done + turns))


class Fleet:
    """Shared state, safe under threads and event loops; nothing here does I/O."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._endpoints: dict[str, EndpointHealth] = {}
        self._sessions: OrderedDict[str, SessionRecord] = OrderedDict()
        self._responses: OrderedDict[str, str] = OrderedDict()

    def endpoint(
        self, endpoint_id: str, make: Callable[[], EndpointHealth]
    ) -> EndpointHealth:
        """How a model at an address is doing; made at the first call for it."""
        known = self._endpoints.get(endpoint_id)
        if known is None:
            with self._lock:
                known = self._endpoints.setdefault(endpoint_id, make())
        return known

    def known(self, endpoint_id: str) -> EndpointHealth | None:
        """The same; ``None``: it was not called yet."""
        return self._endpoints.get(endpoint_id)

    def health(self, endpoint_id: str, now: float, short_wait: float) -> Health:
        """See ``EndpointHealth.health``."""
        known = self._endpoints.get(endpoint_id)
        return known.health(now, short_wait) if known else Health.HEALTHY

    def session(self, session_id: str) -> SessionRecord:
        """The record of a conversation, made at its first call."""
        with self._lock:
            record = self._sessions.get(session_id)
            if record is None:
                record = self._sessions[session_id] = SessionRecord()
                if len(self._sessions) > MAX_SESSIONS:
                    self._sessions.popitem(last=False)
            else:
                self._sessions.move_to_end(session_id)
            return record

    def note_response(self, response_id: str, session_id: str) -> None:
        """Notes to which conversation an answer went."""
        with self._lock:
            self._responses[response_id] = session_id
            if len(self._responses) > MAX_RESPONSES:
                self._responses.popitem(last=False)

    def conversation_of(self, response_id: str) -> str | None:
        """The conversation that an answer went to; ``None``: not known."""
        return self._responses.get(response_id)

    def calls(self, session_id: str) -> list[RoutedCall]:
        """The routed calls of a conversation, oldest first."""
        return list(self.session(session_id).calls)


_fleet = Fleet()


def fleet() -> Fleet:
    """The fleet of this process."""
    return _fleet


def reset_fleet() -> Fleet:
    """Begins afresh: in a forked child, whose locks may be held for ever, and tests."""
    global _fleet
    _fleet = Fleet()
    return _fleet


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=reset_fleet)


def endpoint_state(endpoint_id: str) -> tuple[float, int]:
    """The openness of an endpoint's breaker, 0 to 1, and the calls that wait for its
    rate limit, in this process; as if well before its first call."""
    known = fleet().known(endpoint_id)
    if known is None:
        return 0.0, 0
    return known.breaker.openness(time.time()), known.limiter.waiting
