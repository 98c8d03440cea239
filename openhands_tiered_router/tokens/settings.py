"""``[tokens]``: what is done so that fewer of them are sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from openhands_tiered_router.fields import Count, Number, Section, fault


class TokenSettings(Section):
    """Fewer tokens for the same knowledge; see docs/tokens.md."""

    filter: bool = True
    """Shorten results of the terminal, the editor and searches when they arrive: what
    is in view above is referred to, routine is counted. For a ``RoutedAgent``; the
    gateway refers to what is in view alone. Off with ``mask`` or ``handover``, which
    may leave out what is referred to."""
    mask: bool = False
    """Leave old results out of prompts whose cache has died, where ``routed_agent``
    makes the condenser. Some of what goes is missed later: opt-in."""
    handover: bool = False
    """Give a model that takes a conversation over notices of old results that it never
    saw. What it saw itself stays. Opt-in, as ``mask``."""
    tool_tokens: Annotated[Count, Field(ge=0)] | None = None
    """Tokens of MCP servers' schemas that a conversation is offered, chosen by its
    first request; the other tools are found by ``find_tool``. Unset: all are offered.
    For a ``RoutedAgent``."""
    answers: bool = False
    """Answer side requests without tools (titles, summaries), and what ``explorer`` was
    asked about the same files, from a cache of exact repetitions. Off: it keeps what
    models say, and few requests are the same. Not in the gateway."""
    answers_path: str | None = Field(default=None, min_length=1)
    """SQLite file; by default in the user's cache directory."""
    answers_hours: Annotated[Number, Field(gt=0)] = 168.0
    """Hours after which an answer is asked for anew: a week of a branch's CI runs."""

    @model_validator(mode="before")
    @classmethod
    def _filter_gives_way(cls, values: Any) -> Any:
        if isinstance(values, Mapping) and "filter" not in values:
            past = bool(values.get("mask") or values.get("handover"))
            return {**values, "filter": not past}
        return values

    @model_validator(mode="after")
    def _one_way_to_the_past(self) -> Self:
        if self.filter and (self.mask or self.handover):
            why = "has filter refer to results that mask or handover may leave out"
            raise fault(why, "Switch filter off, or both of the others")
        return self
