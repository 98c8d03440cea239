"""The standard rules with one router's settings and fitted models."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from openhands_tiered_router.policy.difficulty import next_turn
from openhands_tiered_router.policy.difficulty.task_weights import default_weights
from openhands_tiered_router.policy.economics.dynamics import default_dynamics
from openhands_tiered_router.policy.engine import Rule
from openhands_tiered_router.policy.fitted import load_fitted, models_of
from openhands_tiered_router.policy.rules import standard_rules
from openhands_tiered_router.policy.value.table import default_table
from openhands_tiered_router.sdk.graphs import live_graphs
from openhands_tiered_router.settings import RouterSettings


logger = logging.getLogger(__name__)


def own_rules(settings: RouterSettings) -> tuple[Rule, ...]:
    """The standard rules with these settings, and this process's code graphs."""
    graphs = live_graphs() if settings.graph.enabled else None
    return standard_rules(
        **_models(settings.policy.fitted),
        facts=graphs,
        signals=graphs and graphs.signals,
        one_hour=settings.cache.one_hour,
    )


def read_tables() -> None:
    """Reads the package's models and tables, once a process.

    Some 30 ms of files and parsing, which the first decision would else take on an
    event loop.
    """
    next_turn.default_model().mean([0.0] * len(next_turn.NAMES))
    default_weights()
    default_dynamics()
    default_table()


def _models(path: str | None) -> dict[str, Any]:
    """The user's fitted models; the package's if the file cannot be read."""
    if path is None:
        return {}
    try:
        return models_of(load_fitted(Path(path)))
    except Exception as error:
        name = type(error).__name__
        logger.error("fitted models not used: %s; the package's serve", name)
        return {}
