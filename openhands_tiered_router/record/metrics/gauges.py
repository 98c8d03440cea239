"""Gauges, read at a scrape: breakers, queues, budgets, telemetry."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import version

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from openhands_tiered_router.record.metrics.counters import PREFIX
from openhands_tiered_router.record.metrics.labels import Label
from openhands_tiered_router.record.metrics.sources import Sources


class Gauges(Collector):
    """Reads shared state, so a scrape belongs into a thread of its own."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._label = Label()

    def describe(self) -> list[Metric]:
        """Nothing: to be registered must not ask a disk."""
        return []

    def collect(self) -> Iterator[Metric]:
        build = _gauge("build_info", "The release that runs.", "version")
        build.add_metric([version("openhands-tiered-router")], 1)
        yield build
        yield from self._endpoints()
        yield from self._budgets()
        yield from self._telemetry()

    def _endpoints(self) -> Iterator[Metric]:
        open_ = _gauge(
            "breaker_open", "1: no call goes there; 0.5: it is being tried; 0: well.",
            "endpoint", "model",
        )  # fmt: skip
        waiting = _gauge(
            "waiting_calls", "Calls of this process waiting for an endpoint's rate.",
            "endpoint", "model",
        )  # fmt: skip
        for (key, model), ask in list(self._sources.endpoints.items()):
            openness, queued = ask()
            labels = [self._label.of(key), self._label.of(model)]
            open_.add_metric(labels, openness)
            waiting.add_metric(labels, queued)
        yield from (open_, waiting)

    def _budgets(self) -> Iterator[Metric]:
        limit = _gauge(
            "budget_limit", "Limit of a budget, in its unit.", "scope", "budget", "unit"
        )
        left = _gauge(
            "budget_remaining", "What is neither spent nor reserved, in its unit.",
            "scope", "budget", "unit",
        )  # fmt: skip
        for ask in list(self._sources.budgets.values()):
            for budget in ask():
                labels = [budget.scope, self._label.of(budget.name), budget.unit]
                limit.add_metric(labels, budget.limit)
                left.add_metric(labels, max(0, budget.limit - budget.used))
        yield from (limit, left)

    def _telemetry(self) -> Iterator[Metric]:
        stats = [r.stats() for r in list(self._sources.recorders)]
        known = [s for s in stats if s is not None]
        waiting = _gauge("telemetry_waiting_records", "Records not yet on disk.")
        waiting.add_metric([], sum(s.waiting for s in known))
        written = _counter("telemetry_written_records", "Records written.")
        written.add_metric([], sum(s.written for s in known))
        lost = _counter("telemetry_dropped_records", "Records that were lost.")
        lost.add_metric([], sum(s.dropped + s.rejected for s in known))
        yield from (waiting, written, lost)

    def ready(self) -> bool:
        """Whether some endpoint may be called; so it is before the first call."""
        known = [ask() for ask in list(self._sources.endpoints.values())]
        return not known or any(openness < 1 for openness, _ in known)


def _gauge(name: str, text: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"{PREFIX}_{name}", text, labels=labels)


def _counter(name: str, text: str) -> CounterMetricFamily:
    return CounterMetricFamily(f"{PREFIX}_{name}", text, labels=())
