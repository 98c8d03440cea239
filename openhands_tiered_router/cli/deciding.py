"""From chat messages to a decision, for commands: no SDK, no keys, no network."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from openhands_tiered_router.policy.chat import entries_of
from openhands_tiered_router.policy.decision import Decision
from openhands_tiered_router.policy.difficulty.graph_facts import BuiltGraphs
from openhands_tiered_router.policy.difficulty.task_weights import default_weights
from openhands_tiered_router.policy.engine import Engine
from openhands_tiered_router.policy.policy import Policy
from openhands_tiered_router.policy.request import Purpose, RoutingRequest
from openhands_tiered_router.policy.rules import standard_rules
from openhands_tiered_router.policy.session import CHARS_PER_TOKEN, SessionState
from openhands_tiered_router.tiers import Endpoint, Tier, TierSet


if TYPE_CHECKING:
    from openhands_tiered_router.config import RouterConfig


AGENT_TOKENS: Final = 8_000
"""Tokens of an agent's instructions and tools where only its task is given. First
prompts of OpenHands' V1 agents have 7,064 to 8,466 (15 recorded sessions)."""


class DecidingError(Exception):
    """The configuration cannot be used; says why."""


@dataclass(frozen=True)
class Decider:
    """Decides for conversations that are given whole."""

    engine: Engine
    graphs: BuiltGraphs
    _warned: set[str] = field(default_factory=set)

    def decide(
        self,
        *,
        messages: Any,
        tools: Any = None,
        workspace: Any = None,
        is_task: bool = False,
    ) -> tuple[Decision, float]:
        """The decision for the next call, and the seconds that it took.

        Args:
            messages: OpenAI chat messages.
            tools: Tool schemas; a call with tools is an agent's turn.
            workspace: Directory of the code that it is about.
            is_task: Whether the messages are but the task of an agent, whose
                instructions and tools come with it (`AGENT_TOKENS`).

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
            purpose=Purpose.TURN if tools or acted or is_task else Purpose.SINGLE,
            prompt_tokens=(session.chars + _size(tools)) // CHARS_PER_TOKEN
            + is_task * AGENT_TOKENS,
            images=session.images,
            needs_tools=bool(tools) or is_task,
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
    from openhands_tiered_router.config import ConfigError, find_config

    graphs = BuiltGraphs(lambda workspace: _note(f"building the graph of {workspace}"))
    default_weights()  # read now, not inside the first decision
    try:
        found = find_config(config)
    except ConfigError:
        rules = standard_rules(facts=graphs)
        return Decider(Engine(_default_tiers(), rules, Policy()), graphs)
    try:
        engine = engine_of(found.load(), facts=graphs)
    except ConfigError as error:
        raise DecidingError(str(error)) from None
    if config is None:
        _note(f"configuration: {found}")
    return Decider(engine, graphs)


def engine_of(config: RouterConfig, **given: Any) -> Engine:
    """What decides as a router with that configuration does, verdicts included.

    Args:
        config: The configuration.
        given: Arguments of ``standard_rules`` to use instead of the configuration's.

    Raises:
        ConfigError: A file that it names cannot be used.
    """
    from openhands_tiered_router.config import policy_of, tier_set
    from openhands_tiered_router.config.settings import rules_of
    from openhands_tiered_router.record.telemetry.verdicts import moved_by_verdicts

    tiers = tier_set(config)
    moved = moved_by_verdicts(tiers.endpoints, config.telemetry)
    tiers = replace(tiers, endpoints=moved)
    return Engine(tiers, rules_of(config, **given), policy_of(config))


def as_asked(engine: Engine, work: str | None, value: float | None) -> Engine:
    """The same for tasks of that kind, and where a solved one is worth that.

    Args:
        engine: What decides.
        work: ``None``: the configuration's.
        value: USD; ``None``: the configuration's.
    """
    from openhands_tiered_router.policy.value.table import Work

    given = {"task_value": value, "work": work and Work(work)}
    update = {name: each for name, each in given.items() if each is not None}
    return replace(engine, policy=engine.policy.model_copy(update=update))


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
