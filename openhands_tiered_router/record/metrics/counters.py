"""Counters and histograms, from the records of decisions and outcomes."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from openhands_tiered_router.record.telemetry import clean
from openhands_tiered_router.record.telemetry.records import (
    Call,
    GuardEvent,
    Record,
    Verdict,
)
from openhands_tiered_router.tiers import Tier


logger = logging.getLogger(__name__)

PREFIX: Final = "tiered_router"
OTHER: Final = "other"
MAX_VALUES: Final = 100
"""Distinct values of a label; further ones are counted as ``other``. Each is a time
series of its own, and some (judges, models, guards) come from outside."""

_SERVED: Final = ("tier", "endpoint", "model")
_DECIDING: Final = (5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 5e-2, 0.25)
"""Seconds; the budget for a decision is one millisecond."""
_WAITING: Final = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0, 120.0, 300.0)
"""Seconds up to the default limit of an attempt."""


_COUNTERS: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "decisions": ("Decisions, by the tier they chose.", ("tier", "purpose")),
    "escalations": (
        "Decisions that a floor raised above the required tier.",
        ("tier",),
    ),
    "calls": ("Calls that were answered.", _SERVED),
    "failed_calls": ("Calls that no endpoint answered.", ("error",)),
    "attempts": (
        "Requests to endpoints; error none: answered.",
        ("endpoint", "error"),
    ),
    "failovers": (
        "Calls answered by another endpoint than the first tried.",
        _SERVED,
    ),
    "tokens": (
        "Tokens; input is without cached ones, output with reasoning.",
        (*_SERVED, "type"),
    ),
    "reasoning_tokens": ("Tokens of output that were reasoning.", _SERVED),
    "cost_usd": ("USD as booked by the SDK; calls without price add 0.", _SERVED),
    "unpriced_calls": ("Answered calls whose price is not known.", _SERVED),
    "verdicts": ("Judgements of conversations' work.", ("judge", "result")),
    "guard_events": ("What guards, breakers and reloads did.", ("guard", "kind")),
}
"""Name, help and labels."""
_ENDPOINT: Final = ("tier", "endpoint")
_HISTOGRAMS: Final[Mapping[str, tuple[str, tuple[str, ...], tuple[float, ...]]]] = {
    "decision_duration": ("Time that deciding took.", (), _DECIDING),
    "call_duration": (
        "Whole calls, waiting and failover included.",
        _ENDPOINT,
        _WAITING,
    ),
    "time_to_first_token": (
        "From the request to the first streamed chunk.",
        _ENDPOINT,
        _WAITING,
    ),
}
"""Name without its unit, help, labels and buckets, seconds."""


class Label:
    """The values of one label in one process."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def of(self, value: str) -> str:
        """The value as it is shown: without what looks like a key."""
        known = self._known.get(value)
        if known is None:
            if len(self._known) >= MAX_VALUES:
                return OTHER
            known = self._known[value] = clean.name(value)
        return known


class Counters:
    """Counters and histograms. ``see`` is called with each record."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._label = {
            name: Label() for name in ("endpoint", "model", "name", "kind", "judge")
        }
        self._warned = False
        self._count = {
            name: Counter(f"{PREFIX}_{name}", text, labels, registry=registry)
            for name, (text, labels) in _COUNTERS.items()
        }
        self._time = {
            name: Histogram(
                f"{PREFIX}_{name}_seconds",
                text,
                labels,
                registry=registry,
                buckets=buckets,
            )
            for name, (text, labels, buckets) in _HISTOGRAMS.items()
        }
        self._reloaded = Gauge(
            f"{PREFIX}_config_last_reload_successful",
            "1: the last reload of the configuration succeeded, or there was none.",
            registry=registry,
            multiprocess_mode="mostrecent",
        )
        self._reloaded.set(1)

    def see(self, record: Record) -> None:
        """Counts a record. Never blocks, never raises."""
        try:
            match record:
                case Call():
                    self._decided(record)
                    self._ended(record)
                case GuardEvent():
                    self._happened(record)
                case Verdict():
                    self._judged(record)
                case _:
                    pass
        except Exception as error:
            if not self._warned:
                self._warned = True
                logger.error("metrics not counted: %s", type(error).__name__)

    def _decided(self, call: Call) -> None:
        purpose = self._label["kind"].of(call.purpose or "unknown")
        self._count["decisions"].labels(call.tier, purpose).inc()
        if call.floor is not None and _level(call.required) < _level(call.floor):
            self._count["escalations"].labels(call.tier).inc()
        if call.overhead_us is not None:
            self._time["decision_duration"].observe(call.overhead_us / 1e6)

    def _ended(self, call: Call) -> None:
        key = self._label["endpoint"].of
        for attempt in call.attempts:
            error = "none" if attempt.error is None else str(attempt.error)
            self._count["attempts"].labels(key(attempt.endpoint), error).inc()
        if call.served_endpoint is None:
            self._count["failed_calls"].labels(call.error_kind or "none").inc()
            return
        model = self._label["model"].of(call.served_model or "unknown")
        served = (call.served_tier or "unknown", key(call.served_endpoint), model)
        self._count["calls"].labels(*served).inc()
        if call.attempts and call.attempts[0].endpoint != call.served_endpoint:
            self._count["failovers"].labels(*served).inc()
        self._spent(served, call)
        if call.cost is None:
            self._count["unpriced_calls"].labels(*served).inc()
        else:
            self._count["cost_usd"].labels(*served).inc(call.cost)
        self._time["call_duration"].labels(*served[:2]).observe(call.seconds or 0.0)
        if call.first_token_seconds is not None:
            self._time["time_to_first_token"].labels(*served[:2]).observe(
                call.first_token_seconds
            )

    def _spent(self, served: tuple[str, str, str], call: Call) -> None:
        read, written = call.cache_read_tokens or 0, call.cache_write_tokens or 0
        kinds = {
            "input": (call.prompt_tokens or 0) - read - written,
            "cache_read": read,
            "cache_write": written,
            "output": call.completion_tokens or 0,
        }
        for kind, count in kinds.items():
            if count > 0:
                self._count["tokens"].labels(*served, kind).inc(count)
        if call.reasoning_tokens:
            self._count["reasoning_tokens"].labels(*served).inc(call.reasoning_tokens)

    def _happened(self, event: GuardEvent) -> None:
        guard, kind = self._label["name"].of(event.guard), self._label["kind"].of
        self._count["guard_events"].labels(guard, kind(event.kind)).inc()
        if event.guard == "config":
            self._reloaded.set(event.kind == "reloaded")

    def _judged(self, verdict: Verdict) -> None:
        result = {True: "accepted", False: "rejected", None: "unknown"}
        judge = self._label["judge"].of(verdict.judge)
        self._count["verdicts"].labels(judge, result[verdict.accepted]).inc()


def _level(tier: str | None) -> int:
    return -1 if tier is None else Tier.parse(tier)
