"""The configuration file as pydantic models: every key, its type and default."""

from __future__ import annotations

from typing import Annotated, Any, Final, Self

from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    Field,
    PrivateAttr,
    model_validator,
)
from pydantic_core import PydanticCustomError

from openhands_tiered_router.calls.settings import DispatchSettings
from openhands_tiered_router.config.endpoint import EndpointConfig
from openhands_tiered_router.config.errors import Problem
from openhands_tiered_router.config.fields import Count, Number, Section
from openhands_tiered_router.config.sections.breaker import BreakerConfig
from openhands_tiered_router.config.sections.budgets import BudgetConfig, Budgets
from openhands_tiered_router.config.sections.cache import CacheConfig
from openhands_tiered_router.config.sections.confirm import ConfirmConfig
from openhands_tiered_router.config.sections.explore import ExploreConfig
from openhands_tiered_router.config.sections.loops import LoopsConfig
from openhands_tiered_router.config.sections.metrics import MetricsConfig
from openhands_tiered_router.config.sections.reload import ReloadConfig
from openhands_tiered_router.config.sections.resolver import ResolverConfig
from openhands_tiered_router.config.sections.sandbox import SandboxConfig
from openhands_tiered_router.config.sections.skills import SkillsConfig
from openhands_tiered_router.config.sections.state import StateConfig
from openhands_tiered_router.config.sections.verify import VerifyConfig
from openhands_tiered_router.policy.need.dimensions import NAMES
from openhands_tiered_router.policy.policy import PROFILES, Policy
from openhands_tiered_router.tiers import DEFAULT_MAX_COMPLEXITY, Tier


_POLICY: Final = Policy()
_DISPATCH: Final = DispatchSettings()


def _parse_tier(value: Any) -> Tier:
    if isinstance(value, Tier):
        return value
    names = ", ".join(map(str, Tier))
    try:
        return Tier.parse(value)
    except (ValueError, AttributeError):
        raise PydanticCustomError(
            "tier", "is not a tier", {"remedy": f"Write one of {names}"}
        ) from None


TierName = Annotated[Tier, BeforeValidator(_parse_tier)]


def _parse_dimension(value: Any) -> str:
    if value in NAMES:
        return value
    raise PydanticCustomError(
        "dimension",
        "is not a dimension of the task score",
        {"remedy": f"Write one of {', '.join(NAMES)}"},
    )


Dimension = Annotated[str, BeforeValidator(_parse_dimension)]


class TierConfig(Section):
    """One tier: what serves it, and which tasks it is meant for."""

    endpoints: list[EndpointConfig] = Field(
        min_length=1, validation_alias=AliasChoices("endpoints", "providers")
    )
    """Models that serve the tier; ``providers`` is read as the same key."""
    max_complexity: Annotated[Number, Field(ge=0, le=1)] | None = None
    """Upper end of the task complexity, in [0, 1], that the tier is meant for;
    the default is 0.35, 0.65, 0.85 and 1.0 from simple to reasoning."""

    @model_validator(mode="before")
    @classmethod
    def _accept_short_forms(cls, data: Any) -> Any:
        if isinstance(data, str):
            return {"endpoints": [data]}
        if isinstance(data, list):
            return {"endpoints": data}
        if isinstance(data, dict) and {"endpoints", "providers"} <= data.keys():
            raise PydanticCustomError(
                "two_names",
                "has both endpoints and providers, which mean the same",
                {"remedy": "Keep one of the two"},
            )
        return data


class TiersConfig(Section):
    """The four tiers. One that is left out is served by the next stronger one."""

    simple: TierConfig | None = None
    medium: TierConfig | None = None
    complex: TierConfig | None = None
    reasoning: TierConfig | None = None

    @model_validator(mode="after")
    def _check_tiers(self) -> Self:
        configured = self.configured()
        if not configured:
            raise PydanticCustomError(
                "no_tier",
                "names no tier",
                {"remedy": "Add at least [[tiers.complex.endpoints]] with a model"},
            )
        limits = [t.max_complexity for t in configured.values() if t.max_complexity]
        if limits != sorted(limits):
            raise PydanticCustomError(
                "limits_fall",
                "max_complexity falls from a weaker to a stronger tier",
                {"remedy": "Let it rise from simple to reasoning"},
            )
        return self

    def configured(self) -> dict[Tier, TierConfig]:
        """The tiers that the configuration names, weakest first."""
        tiers = {tier: getattr(self, str(tier)) for tier in Tier}
        return {tier: config for tier, config in tiers.items() if config is not None}

    def max_complexity(self) -> dict[Tier, float]:
        """Upper end of each tier's task complexity, in [0, 1]; never falls."""
        limits: dict[Tier, float] = {}
        configured = self.configured()
        reached = 0.0
        for tier in Tier:
            own = configured[tier].max_complexity if tier in configured else None
            reached = max(reached, DEFAULT_MAX_COMPLEXITY[tier] if own is None else own)
            limits[tier] = reached
        return limits


Share = Annotated[Number, Field(ge=0, le=1)]
Amount = Annotated[Number, Field(ge=0, le=1_000_000)]
Turns = Annotated[Count, Field(ge=1, le=1_000_000)]


def _profile(value: Any) -> Any:
    if not isinstance(value, str) or value not in PROFILES:
        remedy = f"Write one of {', '.join(PROFILES)}"
        raise PydanticCustomError("profile", "is not a profile", {"remedy": remedy})
    return value


class PolicyConfig(Section):
    """How a tier is chosen. Where the defaults come from: docs/decisions.md."""

    profile: Annotated[str, BeforeValidator(_profile)] = "balanced"
    """A name for ``economy``: quality, balanced or thrift."""
    economy: Share | None = None
    """From 0, quality first, to 1, cost first; goes before ``profile``."""
    mechanical_tier: TierName = _POLICY.mechanical_tier
    """Tier for turns that are expected to be mechanical: search, read, list."""
    side_tier: TierName = _POLICY.side_tier
    """Tier for titles, summaries, condensation and hooks."""
    quality_floor: TierName | None = _POLICY.quality_floor
    """No turn of a conversation is served below it."""
    window_margin: Annotated[Number, Field(gt=0, le=1)] = _POLICY.window_margin
    """Share of a context window that the expected prompt may fill: the estimate of
    its size is some percent off, and the answer needs room."""
    leak_budget: Share = _POLICY.leak_budget
    """Share of a session's hard turns that a weak tier may serve, where that pays."""
    leak_price: Amount = _POLICY.leak_price
    """What a leaked hard turn must save, in savings of a turn in mid-session."""
    leak_gain: Amount = _POLICY.leak_gain
    """How steeply that price rises beyond the budget."""
    leak_prior: Amount = _POLICY.leak_prior
    """Hard turns by which a session's first ones are diluted in that."""
    failed_weight: Amount = _POLICY.failed_weight
    """How much dearer a leaked turn is right after a failure."""
    mechanical_threshold: Share = _POLICY.mechanical_threshold
    """P(mechanical) from which a turn goes down where a price is not known."""
    failures_in_a_row: Turns = _POLICY.failures_in_a_row
    """Failed turns after which the base tier serves."""
    repeats: Turns = _POLICY.repeats
    """Equal actions with equal results that raise the tier."""
    idle_turns: Turns = _POLICY.idle_turns
    """Turns without an edit, a script or a test after which there is no progress."""
    runaway_turns: Turns = _POLICY.runaway_turns
    """Turns after which a session is a runaway; set your model's 95th percentile."""
    recovery_turns: Turns = _POLICY.recovery_turns
    """Turns without a failure after which a raised floor is let go."""
    risky_paths: tuple[str, ...] = _POLICY.risky_paths
    """Globs, such as ``migrations/*``: work on these files gets ``risk_tier``."""
    risk_tier: TierName = _POLICY.risk_tier
    """Floor for work on risky files."""
    graph_risk: Share = _POLICY.graph_risk
    """Risk that the code graph must see in the files at hand to raise the floor."""
    cache_look_back: Turns | None = _POLICY.cache_look_back
    """Content blocks that providers search back for a cached prefix."""
    slow_turn: Amount = _POLICY.slow_turn
    """Seconds a turn from which a one-hour cache is the cheaper one."""
    dimension_weights: dict[Dimension, Amount] = Field(default_factory=dict)
    """Weights of the task score to use instead of the fitted ones, by dimension."""
    fitted: str | None = Field(default=None, min_length=1)
    """File that ``tiered-router calibrate --fitted`` has written: models and settings
    fitted to your own data. What stands in the configuration goes before it."""

    def to_policy(self, base_tier: Tier) -> Policy:
        """What the engine takes."""
        values = {n: getattr(self, n) for n in type(self).model_fields}
        named = PROFILES[values.pop("profile")]
        economy = values.pop("economy")
        del values["fitted"]
        return Policy(
            base_tier=base_tier,
            economy=named if economy is None else economy,
            **values,
        )


class DispatchConfig(Section):
    """How long a call may take, and when the next endpoint is tried."""

    attempt_timeout: Annotated[Count, Field(ge=1, le=86_400)] = (
        _DISPATCH.attempt_timeout
    )
    """Seconds for one attempt, whole answer included: the SDK's own default, since
    a reasoning model may think for minutes before it says a word."""
    connect_timeout: Annotated[Number, Field(gt=0, le=300)] = _DISPATCH.connect_timeout
    """Seconds to open a connection; a host that is up does so in far less."""
    patience: Annotated[Number, Field(ge=0, le=86_400)] = _DISPATCH.patience
    """Seconds after which no further round of attempts begins: what the SDK's own
    five attempts with their waits come to."""
    short_wait: Annotated[Number, Field(ge=0, le=3_600)] = _DISPATCH.short_wait
    """Seconds up to which a provider's ``Retry-After`` is waited for, rather than
    asking a dearer tier."""
    hang_timeout: Annotated[Number, Field(ge=0, le=86_400)] = _DISPATCH.hang_timeout
    """Seconds of silence after which an endpoint counts as hanging, at least, while
    an equal of its tier is well; four times its own 95th percentile if that is more,
    and only once that is known. 0: never."""
    queue: Annotated[Count, Field(ge=0, le=100_000)] = _DISPATCH.queue
    """Calls that may wait for an endpoint's rate limit; further ones fail at once."""
    rate_headers: bool = _DISPATCH.rate_headers
    """Keep to what a provider's rate-limit headers say is left."""
    slow_rest: Annotated[Number, Field(ge=0, le=86_400)] = _DISPATCH.slow_rest
    """Seconds for which equals of an endpoint past ``max_first_token`` or
    ``max_token_time`` are preferred; then it is measured afresh."""


class TelemetryConfig(Section):
    """The record of decisions and their outcomes; no texts unless asked for."""

    enabled: bool = True
    """Record decisions and their outcomes."""
    path: str | None = Field(default=None, min_length=1)
    """SQLite file; by default in the user's data directory."""
    queue_size: Annotated[Count, Field(ge=1, le=1_000_000)] = 10_000
    """Rows that wait for the writer at most; further ones are dropped and counted,
    so that a slow disk never slows a call."""
    keep_days: Annotated[Count, Field(ge=0)] = 365
    """Days after its last record that a conversation is removed: a year to compare
    with. 0: never."""
    max_megabytes: Annotated[Count, Field(ge=0)] = 4_000
    """Size of the file, 10^6 bytes, above which the oldest conversations are removed:
    room for 10 million turns. 0: no limit."""
    texts: bool = False
    """Record what users and models say too, redacted and cut. Off: a record that holds
    no texts can be kept and shown without a thought."""
    text_bytes: Annotated[Count, Field(ge=100, le=1_000_000)] = 8_000
    """Bytes kept of each such text: two pages."""


class GraphConfig(Section):
    """The code graph of the workspace."""

    enabled: bool = True
    """Build the graph of the workspace's code, and let decisions see it."""


class RouterConfig(Section):
    """A whole configuration."""

    tiers: TiersConfig
    """What serves each tier."""
    default_tier: TierName = _POLICY.base_tier
    """Tier to start with while nothing better is known: strong enough not to fail
    what it is given, at less than the strongest tier's price."""
    policy: PolicyConfig = PolicyConfig()
    dispatch: DispatchConfig = DispatchConfig()
    breaker: BreakerConfig = BreakerConfig()
    telemetry: TelemetryConfig = TelemetryConfig()
    graph: GraphConfig = GraphConfig()
    explore: ExploreConfig = ExploreConfig()
    cache: CacheConfig = CacheConfig()
    budgets: Budgets = ()
    """What may be spent."""
    state: StateConfig = StateConfig()
    loops: LoopsConfig = LoopsConfig()
    verify: VerifyConfig = VerifyConfig()
    confirm: ConfirmConfig = ConfirmConfig()
    skills: SkillsConfig = SkillsConfig()
    metrics: MetricsConfig = MetricsConfig()
    reload: ReloadConfig = ReloadConfig()
    resolver: ResolverConfig = ResolverConfig()
    sandbox: SandboxConfig = SandboxConfig()
    _source: str = PrivateAttr(default="configuration")
    _warnings: tuple[Problem, ...] = PrivateAttr(default=())

    @property
    def source(self) -> str:
        """Where it was read from: a file's path, or ``environment``."""
        return self._source

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """What works but should be looked at, such as a literal key in the file."""
        return self._warnings

    def endpoints(self) -> dict[str, EndpointConfig]:
        """Every endpoint by its key: ``simple``, ``simple/2``, ... (weakest first)."""
        return {
            str(tier) if number == 1 else f"{tier}/{number}": endpoint
            for tier, config in self.tiers.configured().items()
            for number, endpoint in enumerate(config.endpoints, 1)
        }

    def path_of(self, key: str) -> str:
        """Where the endpoint of that key stands in the configuration."""
        tier, _, number = key.partition("/")
        return f"tiers.{tier}.endpoints[{int(number or 1) - 1}]"

    def problem(self, key: str, message: str, remedy: str, name: str = "") -> Problem:
        """A problem with the endpoint of that key, or with its key ``name``."""
        path = f"{self.path_of(key)}.{name}" if name else self.path_of(key)
        return Problem(source=self.source, path=path, message=message, remedy=remedy)


def with_origin(
    config: RouterConfig, source: str, warnings: tuple[Problem, ...] = ()
) -> RouterConfig:
    """``config`` with a note of where it came from."""
    config._source = source
    config._warnings = warnings
    return config


def section_at(path: tuple[str | int, ...]) -> type[BaseModel] | None:
    """The model that describes the table at ``path``; ``None`` if there is none."""
    model: type[BaseModel] = RouterConfig
    for step in path:
        if isinstance(step, int):
            continue
        found = _SECTIONS.get((model, step))
        if found is None:
            return None
        model = found
    return model


_SECTIONS: dict[tuple[type[BaseModel], str], type[BaseModel]] = {
    (RouterConfig, "tiers"): TiersConfig,
    (RouterConfig, "policy"): PolicyConfig,
    (RouterConfig, "dispatch"): DispatchConfig,
    (RouterConfig, "breaker"): BreakerConfig,
    (RouterConfig, "telemetry"): TelemetryConfig,
    (RouterConfig, "graph"): GraphConfig,
    (RouterConfig, "explore"): ExploreConfig,
    (RouterConfig, "cache"): CacheConfig,
    (RouterConfig, "loops"): LoopsConfig,
    (RouterConfig, "verify"): VerifyConfig,
    (RouterConfig, "confirm"): ConfirmConfig,
    (RouterConfig, "skills"): SkillsConfig,
    (RouterConfig, "metrics"): MetricsConfig,
    (RouterConfig, "reload"): ReloadConfig,
    (RouterConfig, "resolver"): ResolverConfig,
    (RouterConfig, "sandbox"): SandboxConfig,
    (RouterConfig, "budgets"): BudgetConfig,
    (RouterConfig, "state"): StateConfig,
    **{(TiersConfig, str(tier)): TierConfig for tier in Tier},
    (TierConfig, "endpoints"): EndpointConfig,
    (TierConfig, "providers"): EndpointConfig,
}
