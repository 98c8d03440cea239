"""Callbacks that live on a model's telemetry, or on the model itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Self

from openhands.sdk.llm import LLM
from openhands.sdk.llm.utils.metrics import Metrics
from openhands.sdk.llm.utils.telemetry import Telemetry
from pydantic import PrivateAttr


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
