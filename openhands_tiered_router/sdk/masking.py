"""A condenser that leaves old results out where the prompt's cache has died."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from openhands.sdk.context.condenser import CondenserBase, PipelineCondenser
from openhands.sdk.context.condenser.base import PipelinableCondenserBase
from openhands.sdk.context.view import View
from openhands.sdk.event import (
    ActionEvent,
    LLMConvertibleEvent,
    MessageEvent,
    ObservationEvent,
)
from openhands.sdk.llm import LLM, TextContent
from pydantic import Field, PrivateAttr

from openhands_tiered_router.policy.economics.lifetime import HOUR, sells_hour
from openhands_tiered_router.sdk.arrival import command_of, note_left_out
from openhands_tiered_router.sdk.endpoints import tier_set
from openhands_tiered_router.settings import RouterSettings
from openhands_tiered_router.tiers import FIVE_MINUTES
from openhands_tiered_router.tokens.masking import cold_starts, idle, notice


_REMEMBERED: Final = 2_000
"""Entries of the memos at the most; they are made anew."""


class ColdCacheCondenser(PipelinableCondenserBase):
    """Replaces old results by notices, at requests whose cache has died.

    Use it before a summarising condenser in the SDK's ``PipelineCondenser``. What is
    replaced depends on the events alone: forks, resumed conversations and replays get
    the same prompts. The events themselves stay as they are.
    """

    lifetime: float = Field(default=FIVE_MINUTES, gt=0)
    """Seconds that prompts stay cached without use, at the most. A router that buys
    the one-hour cache needs 3,600: ``routed_agent`` sees to that."""

    _idle: dict[tuple[str, str, int], frozenset[str]] = PrivateAttr(
        default_factory=dict
    )
    _masked: dict[str, LLMConvertibleEvent] = PrivateAttr(default_factory=dict)

    def condense(self, view: View, agent_llm: LLM | None = None) -> View:
        """The view with notices; itself where nothing is left out. See the SDK's."""
        del agent_llm
        events = view.events
        starts = cold_starts(((_is_answer(e), _time(e)) for e in events), self.lifetime)
        if not starts:
            return view
        gone = frozenset().union(*(self._idle_before(events, n) for n in starts))
        if not gone:
            return view
        shorter = [self._notice(e) if e.id in gone else e for e in events]
        return view.model_copy(update={"events": shorter})

    def _idle_before(
        self, events: list[LLMConvertibleEvent], count: int
    ) -> frozenset[str]:
        """Ids of the results, of the first so many events, that were idle then."""
        key = events[0].id, events[count - 1].id, count
        known = self._idle.get(key)
        if known is None:
            past = events[:count]
            results = [e for e in past if isinstance(e, ObservationEvent)]
            actions = [command_of(e) for e in past if isinstance(e, ActionEvent)]
            old = idle([_text(e) for e in results], actions)
            known = frozenset(results[i].id for i in old)
            if len(self._idle) >= _REMEMBERED:
                self._idle.clear()
            self._idle[key] = known
        return known

    def _notice(self, event: LLMConvertibleEvent) -> LLMConvertibleEvent:
        short = self._masked.get(event.id)
        if short is None:
            short = _with_notice(event)
            if len(self._masked) >= _REMEMBERED:
                self._masked.clear()
            self._masked[event.id] = short
        return short


def masks(condenser: CondenserBase | None) -> bool:
    """Whether a condenser may leave out results that others refer to by notices."""
    if isinstance(condenser, PipelineCondenser):
        return any(map(masks, condenser.condensers))
    return isinstance(condenser, ColdCacheCondenser)


def longest_lifetime(llms: Mapping[str, LLM], settings: RouterSettings) -> float:
    """Seconds for which a router's prompts stay cached at the most, where it costs
    money to write them again; five minutes if nothing is known."""
    ttls = [
        HOUR if settings.cache.one_hour and sells_hour(e) else e.cache_ttl
        for e in tier_set(llms, settings).endpoints
        if e.prices is None or e.prices.cache_write > e.prices.cache_read
    ]
    return max(ttls, default=FIVE_MINUTES)


def _with_notice(event: LLMConvertibleEvent) -> LLMConvertibleEvent:
    if not isinstance(event, ObservationEvent):
        return event
    content = event.observation.content
    parts = [
        p.model_copy(update={"text": notice(p.text)})
        if isinstance(p, TextContent)
        else p
        for p in content
    ]
    if parts == content:
        return event
    observation = event.observation.model_copy(update={"content": parts})
    shorter = event.model_copy(update={"observation": observation})
    note_left_out(observation, event.observation)
    return shorter


def _is_answer(event: LLMConvertibleEvent) -> bool:
    said = isinstance(event, MessageEvent) and event.source == "agent"
    return said or isinstance(event, ActionEvent)


def _text(event: ObservationEvent) -> str:
    parts = event.observation.content
    return "\n".join(p.text for p in parts if isinstance(p, TextContent))


def _time(event: LLMConvertibleEvent) -> float:
    return datetime.fromisoformat(event.timestamp).timestamp()
