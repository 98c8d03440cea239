"""What a router needs beside its models, made at its first call and never copied."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Self

from openhands.sdk.llm import LLM

from openhands_tiered_router.calls import clock
from openhands_tiered_router.calls.fleet import (
    Fleet,
    RoutedCall,
    endpoint_state,
    fleet,
)
from openhands_tiered_router.calls.flow import Call
from openhands_tiered_router.calls.health.endpoint import EndpointHealth
from openhands_tiered_router.calls.settings import (
    BreakerSettings,
    DispatchSettings,
    StateSettings,
)
from openhands_tiered_router.calls.state.degrading import DegradingStore
from openhands_tiered_router.calls.state.stores import durable_store_for, store_for
from openhands_tiered_router.guards.budget.limits import Budget, Scope
from openhands_tiered_router.guards.budget.registry import registry
from openhands_tiered_router.guards.budget.reservation import Account, Refused
from openhands_tiered_router.policy.decision import Decision, Reason
from openhands_tiered_router.policy.difficulty import next_turn
from openhands_tiered_router.policy.difficulty.task_weights import default_weights
from openhands_tiered_router.policy.economics.dynamics import default_dynamics
from openhands_tiered_router.policy.economics.lifetime import CacheSettings
from openhands_tiered_router.policy.engine import Engine, Rule
from openhands_tiered_router.policy.fitted import load_fitted, models_of
from openhands_tiered_router.policy.fleet import Health
from openhands_tiered_router.policy.request import Purpose, RoutingRequest
from openhands_tiered_router.policy.rules import standard_rules
from openhands_tiered_router.policy.session import SessionState
from openhands_tiered_router.policy.value.table import default_table
from openhands_tiered_router.record.metrics.serving import serve_as_configured
from openhands_tiered_router.record.metrics.sources import sources
from openhands_tiered_router.record.telemetry.opening import path_from
from openhands_tiered_router.record.telemetry.process import config_fingerprint
from openhands_tiered_router.record.telemetry.recorder import (
    TelemetryRecorder,
    recorder_for,
)
from openhands_tiered_router.record.telemetry.records import AGENT_TURN, routed
from openhands_tiered_router.record.telemetry.removal import Retention
from openhands_tiered_router.record.telemetry.texts import warn_of_texts
from openhands_tiered_router.sdk.budgets_left import budgets_left
from openhands_tiered_router.sdk.endpoints import tier_set
from openhands_tiered_router.sdk.graphs import live_graphs
from openhands_tiered_router.sdk.spending import Caller, Quote, Spending, quotes
from openhands_tiered_router.sdk.tracing import in_span
from openhands_tiered_router.settings import RouterSettings
from openhands_tiered_router.tiers import Endpoint, Tier
from openhands_tiered_router.tokens.settings import TokenSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class RouterSetup:
    """Engine, shared state and books of one router."""

    engine: Engine
    dispatch: DispatchSettings
    recorder: TelemetryRecorder
    endpoints: Mapping[str, Endpoint]
    breaker: BreakerSettings = BreakerSettings()
    cache: CacheSettings = CacheSettings()
    budgets: tuple[Budget, ...] = ()
    state: StateSettings = StateSettings()
    tokens: TokenSettings = TokenSettings()
    text_bytes: int | None = None
    """Of texts to record; ``None``: no texts."""
    config: str | None = None
    """Tells its configuration file from others; ``None``: it has none."""

    @classmethod
    def of(
        cls,
        llms: Mapping[str, LLM],
        settings: RouterSettings,
        default_tier: Tier,
        rules: Sequence[Rule] | None = None,
    ) -> Self:
        """The setup for those models; no network.

        ``rules`` decide exactly as they are; ``None``: the standard ones, with the
        settings' graphs, fitted models and cache lifetimes.
        """
        tiers = tier_set(llms, settings)
        rules = own_rules(settings) if rules is None else rules
        policy = settings.policy.model_copy(update={"base_tier": default_tier})
        recorder = _recorder(settings)
        _note_sources(tiers.endpoints, settings, recorder)
        serve_as_configured(settings.metrics)
        return cls(
            engine=Engine(tiers, rules, policy),
            dispatch=settings.dispatch,
            breaker=settings.breaker,
            recorder=recorder,
            endpoints={e.key: e for e in tiers.endpoints},
            cache=settings.cache,
            budgets=settings.budgets,
            state=settings.state,
            tokens=settings.tokens,
            text_bytes=_text_bytes(settings, recorder),
            config=config_fingerprint(settings.config_file),
        )

    @property
    def fleet(self) -> Fleet:
        """This process's; asked for anew, since a fork begins another."""
        return fleet()

    def endpoint(self, key: str) -> Endpoint:
        return self.endpoints[key]

    def health_of(self, endpoint: Endpoint) -> EndpointHealth:
        """Shared by all routers of the process, as the first of them set it up."""
        return self.fleet.endpoint(
            endpoint.cache_id, lambda: self._new_health(endpoint)
        )

    def _new_health(self, endpoint: Endpoint) -> EndpointHealth:
        return EndpointHealth.of(
            endpoint.cache_id,
            endpoint.limits,
            breaker=self.breaker,
            dispatch=self.dispatch,
            store=store_for(self.state),
        )

    def health(self, endpoint: str, now: float) -> Health:  # noqa: ARG002
        """Makes this the engine's ``FleetView``; by the clock of breakers and rests."""
        endpoint_id = self.endpoints[endpoint].cache_id
        return self.fleet.health(endpoint_id, clock.now(), self.dispatch.short_wait)

    def decide(
        self, request: RoutingRequest, state: SessionState, *, now: float
    ) -> Decision:
        return in_span(
            lambda: self.engine.decide(request, state, now=now, fleet=self),
            request,
            lambda key: self.endpoints[key].model,
        )

    def fallback_decision(self, error: str) -> Decision:
        """The default tier, when the engine itself failed."""
        base = self.engine.policy.base_tier
        serving = self.engine.tiers.serving(base)
        able = [e for e in self.endpoints.values() if e.tier >= serving]
        first, *rest = sorted(able, key=lambda e: e.tier)
        return Decision(
            tier=first.tier,
            endpoint=first.key,
            fallbacks=tuple(e.key for e in rest),
            required=base,
            reasons=(Reason("fallback", f"routing failed with {error}"),),
            policy="fallback",
        )

    def spending(self, call: Call) -> Spending:
        """The budgets that count a call; opens nothing yet."""
        account: Account | None = None
        if self.budgets:
            store = durable_store_for(self.state)
            if isinstance(store, DegradingStore):
                store.listeners.setdefault("telemetry", self._note_state)
            budgets = tuple(registry().current(budget) for budget in self.budgets)
            caller = Caller(
                conversation=call.conversation,
                session=call.session_id,
                purpose=call.purpose,
                new_request=call.state.after_user,
            )
            account = Account(budgets, store, caller)
        return Spending(account, partial(self._quotes, call), self._note_refusal)

    def _quotes(self, call: Call) -> Mapping[str, Quote]:
        return quotes(
            self.endpoints.values(),
            call.state,
            prompt=call.prompt_tokens,
            is_turn=call.purpose is Purpose.TURN,
            now=call.began,
            look_back=self.engine.policy.cache_look_back,
        )

    def _note_state(self, away: bool, _: str) -> None:
        kind = "away" if away else "back"
        backend = self.state.backend or "sqlite"
        self.recorder.note(
            "state", kind, conversation_id=None, time=time.time(), backend=backend
        )

    def _note_refusal(self, caller: Caller, refusal: Refused) -> None:
        self.recorder.note(
            "budget",
            "refused",
            conversation_id=caller.conversation,
            time=time.time(),
            budget=refusal.budget,
            measure=refusal.measure,
        )

    def record(self, call: RoutedCall) -> None:
        """Records a call with its outcome; returns at once."""
        turn = call.purpose == "turn"
        self.recorder.record(
            routed(
                call.decision,
                call.outcome,
                decision_id=call.decision_id,
                conversation_id=call.session_id,
                time=call.at,
                tiers=self.engine.tiers,
                turn=call.turn + 1 if turn else None,
                purpose=AGENT_TURN if turn else str(call.purpose),
                overhead_us=call.overhead * 1e6,
                config=self.config,
            )
        )


def _text_bytes(settings: RouterSettings, recorder: TelemetryRecorder) -> int | None:
    if not settings.telemetry.texts or recorder.path is None:
        return None
    warn_of_texts(recorder.path)
    return settings.telemetry.text_bytes


def _note_sources(
    endpoints: Sequence[Endpoint],
    settings: RouterSettings,
    recorder: TelemetryRecorder,
) -> None:
    """Tells metrics whom to ask at a scrape."""
    sources.add(
        recorder,
        {(e.key, e.model): partial(endpoint_state, e.cache_id) for e in endpoints},
        {
            (str(b.scope), b.name): partial(budgets_left, (b,), settings.state)
            for b in settings.budgets
            if b.scope not in (Scope.CALL, Scope.CONVERSATION)
        },
    )


def _recorder(settings: RouterSettings) -> TelemetryRecorder:
    telemetry = settings.telemetry
    if not telemetry.enabled:
        return TelemetryRecorder.disabled()
    path = telemetry.path or path_from(os.environ)
    if path is None:
        return TelemetryRecorder.disabled()
    keep = Retention(telemetry.keep_days or None, telemetry.max_megabytes or None)
    return recorder_for(path, queue_size=telemetry.queue_size, keep=keep)


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
