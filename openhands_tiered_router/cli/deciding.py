"""From chat messages to a decision, for commands: no SDK, no keys, no network."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import click

from openhands_tiered_router.policy.chat import entries_of
from openhands_tiered_router.policy.decision import Decision
from openhands_tiered_router.policy.difficulty.graph_facts import BuiltGraphs
from openhands_tiered_router.policy.difficulty.task_weights import default_weights
from openhands_tiered_router.policy.engine import Engine, Rule
from openhands_tiered_router.policy.policy import Policy
from openhands_tiered_router.policy.request import Purpose, RoutingRequest
from openhands_tiered_router.policy.rules import standard_rules
from openhands_tiered_router.policy.session import CHARS_PER_TOKEN, SessionState
from openhands_tiered_router.tiers import Endpoint, Tier, TierSet


_SINGLE_CALL: Final = frozenset(("system", "user"))
"""Roles of a history in which no agent has acted yet."""


class DecidingError(Exception):
    """The configuration cannot be used; says why."""


@dataclass(frozen=True)
class Decider:
    """Decides for conversations that are given whole."""

    engine: Engine
    graphs: BuiltGraphs
    _warned: set[str] = field(default_factory=set)

    def decide(
        self, *, messages: Any, tools: Any = None, workspace: Any = None
    ) -> tuple[Decision, float]:
        """The decision for the next call, and the seconds that it took.

        Args:
            messages: OpenAI chat messages.
            tools: Tool schemas; a call with tools is an agent's turn.
            workspace: Directory of the code that it is about.

        Raises:
            ValueError: One of them is of a wrong form; says which.
        """
        if not isinstance(messages, list) or not messages:
            raise ValueError("messages: expected a list of chat messages")
        if tools is not None and not isinstance(tools, list):
            raise ValueError("tools: expected a list of tool schemas")
        if workspace is not None and not isinstance(workspace, str):
            raise ValueError("workspace: expected a path")
        entries = entries_of(messages)
        session = SessionState().fold(entries)
        acted = any(e.role == "tool" or e.calls for e in entries)
        request = RoutingRequest(
            session_id=None,
            purpose=Purpose.TURN if tools or acted else Purpose.SINGLE,
            prompt_tokens=(session.chars + _size(tools)) // CHARS_PER_TOKEN,
            images=session.images,
            needs_tools=bool(tools),
            workspace=workspace if self._prepare(workspace) else None,
        )
        start = time.perf_counter()
        decision = self.engine.decide(request, session, now=time.time())
        return decision, time.perf_counter() - start

    def _prepare(self, workspace: str | None) -> bool:
        if workspace is None:
            return False
        problem = self.graphs.prepare(workspace)
        if problem and workspace not in self._warned:
            self._warned.add(workspace)
            click.echo(f"warning: no code graph of {workspace}: {problem}", err=True)
        return problem is None


def _size(tools: Sequence[Any] | None) -> int:
    return len(str(tools)) if tools else 0


def decider(config: Path | None) -> Decider:
    """Makes a decider from a configuration file.

    Args:
        config: ``None``: the one that is found as by ``run``; if there is none, four
            tiers with the default limits.

    Raises:
        DecidingError: It cannot be used.
    """
    found = _configured(config)
    tiers, policy = (
        (_default_tiers(), Policy()) if found is None else (found.tiers, found.policy)
    )
    graphs = BuiltGraphs(lambda workspace: _note(f"building the graph of {workspace}"))
    make = standard_rules if found is None else found.rules
    rules = make(facts=graphs)
    default_weights()  # read now, not inside the first decision
    return Decider(Engine(tiers, rules, policy), graphs)


@dataclass(frozen=True, slots=True)
class _Configured:
    tiers: TierSet
    policy: Policy
    rules: Callable[..., Sequence[Rule]]
    """With overriding arguments of ``standard_rules``."""


def _configured(path: Path | None) -> _Configured | None:
    from openhands_tiered_router.config import (
        ConfigError,
        find_config,
        policy_of,
        tier_set,
    )
    from openhands_tiered_router.config.settings import rules_of
    from openhands_tiered_router.record.telemetry.verdicts import moved_by_verdicts

    try:
        found = find_config(path)
    except ConfigError:
        return None
    try:
        config = found.load()
        rules = partial(rules_of, config)
        rules()  # reports a fitted file that cannot be used
        tiers = tier_set(config)
        moved = moved_by_verdicts(tiers.endpoints, config.telemetry)
        tiers = replace(tiers, endpoints=moved)
        configured = _Configured(tiers, policy_of(config), rules)
    except ConfigError as error:
        raise DecidingError(str(error)) from None
    if path is None:
        _note(f"configuration: {found}")
    return configured


def _default_tiers() -> TierSet:
    """Four tiers without prices, able to do everything."""
    return TierSet(
        tuple(
            Endpoint(key=str(tier), tier=tier, model=str(tier), vision=True)
            for tier in Tier
        )
    )


def _note(text: str) -> None:
    click.echo(text, err=True)
