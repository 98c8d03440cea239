"""The books of several models, added up in one SDK ``Metrics``."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, Self

from openhands.sdk.llm import LLM
from openhands.sdk.llm.utils.metrics import Metrics, TokenUsage
from openhands.sdk.llm.utils.telemetry import Telemetry
from pydantic import PrivateAttr


_lock = threading.Lock()
"""Of all books: adding up takes microseconds, and locked books cannot be copied."""


def renew_lock() -> None:
    """In a forked child, where nobody may be left to release it."""
    global _lock
    _lock = threading.Lock()


class Books:
    """A ``Metrics`` that holds what was there before and the sum of its parts.

    It stays one object, since the SDK keeps references to it: a conversation's
    statistics, a registry that tells models apart by it.
    """

    def __init__(self, model: str) -> None:
        self.whole = Metrics(model_name=model)
        self._before = Metrics(model_name=model)
        self._parts: list[Metrics] = []
        self._taken: list[tuple[int, int, int]] = []
        """Of each part: costs, latencies and usages that ``whole`` has already."""
        self._shown = _state(self.whole)
        """Of ``whole``, when it was last brought up to date."""

    def restore(self, metrics: Metrics) -> None:
        """Goes on with these books, which become ``whole``."""
        with _lock:
            self.whole, self._before = metrics, metrics.deep_copy()
            self._parts, self._taken = [], []
            self._shown = _state(metrics)

    def holds(self, metrics: Metrics) -> bool:
        """Whether these are the whole's books, or a part's."""
        return metrics is self.whole or any(metrics is part for part in self._parts)

    def total(self, parts: Sequence[Metrics], own: Metrics | None = None) -> Metrics:
        """``whole``, up to date. Copies what is new since the last call.

        What someone else has added to ``whole`` is booked on ``own``, one of the parts,
        so that whoever adds up the parts counts it too.
        """
        with _lock:
            added = self._book_added(self._before if own is None else own)
            known = [id(part) for part in self._parts]
            if added or known != [id(part) for part in parts]:
                self._begin(parts)
            self._copy_new()
            self._add_up()
            self._shown = _state(self.whole)
            return self.whole

    def _book_added(self, books: Metrics) -> bool:
        """Books what was added to ``whole`` since it was shown; whether it was."""
        whole, now = self.whole, _state(self.whole)
        if now == self._shown:
            return False
        cost, costs, latencies, usages = self._shown
        books.accumulated_cost += whole.accumulated_cost - cost
        books.costs += whole.costs[costs:]
        books.response_latencies += whole.response_latencies[latencies:]
        new = whole.token_usages[usages:]
        books.token_usages += new
        total = books.accumulated_token_usage or TokenUsage(model=books.model_name)
        for usage in new:
            total = total + usage.model_copy(update={"response_id": ""})
        books.accumulated_token_usage = total
        return True

    def _begin(self, parts: Sequence[Metrics]) -> None:
        """Anew: parts were restored or reset, which says nothing of what is new."""
        whole, before = self.whole, self._before
        whole.costs = list(before.costs)
        whole.response_latencies = list(before.response_latencies)
        whole.token_usages = list(before.token_usages)
        self._parts = list(parts)
        self._taken = [(0, 0, 0)] * len(self._parts)

    def _copy_new(self) -> None:
        whole = self.whole
        for i, part in enumerate(self._parts):
            costs, latencies, usages = self._taken[i]
            whole.costs += part.costs[costs:]
            whole.response_latencies += part.response_latencies[latencies:]
            whole.token_usages += part.token_usages[usages:]
            self._taken[i] = (
                len(part.costs),
                len(part.response_latencies),
                len(part.token_usages),
            )

    def _add_up(self) -> None:
        """Sums of sums: books restored from a snapshot have no single entries."""
        whole, all_books = self.whole, [self._before, *self._parts]
        whole.accumulated_cost = sum(books.accumulated_cost for books in all_books)
        usage = TokenUsage(model=whole.model_name)
        for books in all_books:
            if books.accumulated_token_usage is not None:
                usage = usage + books.accumulated_token_usage
        if whole.token_usages:
            usage.per_turn_token = whole.token_usages[-1].per_turn_token
        whole.accumulated_token_usage = usage


def _state(books: Metrics) -> tuple[float, int, int, int]:
    """Cost in USD, and how many costs, latencies and usages there are."""
    return (
        books.accumulated_cost,
        len(books.costs),
        len(books.response_latencies),
        len(books.token_usages),
    )


class SharedTelemetry(Telemetry):
    """Several models' telemetry: what is set on it is set on each of them."""

    _members: Sequence[Telemetry] = PrivateAttr(default=())

    @classmethod
    def of(cls, model: str, metrics: Metrics, members: Sequence[Telemetry]) -> Self:
        """The telemetry of a router.

        Args:
            model: Its name.
            metrics: Its books.
            members: Its tiers' telemetry.
        """
        first = members[0]
        shared = cls.model_construct(
            model_name=model,
            log_enabled=first.log_enabled,
            log_dir=first.log_dir,
            metrics=metrics,
        )
        shared._log_completions_callback = first._log_completions_callback
        shared._stats_update_callback = first._stats_update_callback
        shared._members = members
        return shared

    def set_log_completions_callback(
        self, callback: Callable[[str, str], None] | None
    ) -> None:
        """See ``Telemetry``; on each model."""
        for member in self._members:
            member.set_log_completions_callback(callback)

    def set_stats_update_callback(self, callback: Callable[[], None] | None) -> None:
        """See ``Telemetry``; on each model."""
        for member in self._members:
            member.set_stats_update_callback(callback)

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if not name.startswith("_") and name != "metrics":
            for member in self._members:
                setattr(member, name, value)


def carry_over(before: LLM, after: LLM) -> None:
    """Has a model that replaces another call what that one would have called."""
    old, new = before.telemetry, after.telemetry
    new.set_stats_update_callback(old._stats_update_callback)
    new.set_log_completions_callback(old._log_completions_callback)
    after.set_api_key_refresh_hook(before._api_key_refresh_hook)
    if after.retry_listener is None:
        after.retry_listener = before.retry_listener
