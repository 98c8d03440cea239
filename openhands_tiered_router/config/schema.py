"""The configuration file: the tiers, and the sections that come with them."""

from __future__ import annotations

from typing import Any, Self, get_args

from pydantic import (
    AliasChoices,
    Field,
    PrivateAttr,
    field_validator,
    model_validator,
)

from openhands_tiered_router.config.endpoint import EndpointConfig
from openhands_tiered_router.config.errors import Problem
from openhands_tiered_router.config.resolver import ResolverSettings, SandboxSettings
from openhands_tiered_router.fields import Section, Share, TierName, fault
from openhands_tiered_router.policy.policy import ELSEWHERE, Policy
from openhands_tiered_router.settings import Sections
from openhands_tiered_router.tiers import DEFAULT_MAX_COMPLEXITY, Tier


class TierConfig(Section):
    """One tier: what serves it, and which tasks it is meant for."""

    endpoints: list[EndpointConfig] = Field(
        min_length=1, validation_alias=AliasChoices("endpoints", "providers")
    )
    """Models that serve the tier; ``providers`` is read as the same key."""
    max_complexity: Share | None = None
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
            message = "has both endpoints and providers, which mean the same"
            raise fault(message, "Keep one of the two")
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
            remedy = "Add at least [[tiers.complex.endpoints]] with a model"
            raise fault("names no tier", remedy)
        limits = [t.max_complexity for t in configured.values() if t.max_complexity]
        if limits != sorted(limits):
            message = "max_complexity falls from a weaker to a stronger tier"
            raise fault(message, "Let it rise from simple to reasoning")
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


class RouterConfig(Sections):
    """A whole configuration."""

    tiers: TiersConfig
    """What serves each tier."""
    default_tier: TierName = Policy().base_tier
    """Tier to start with while nothing better is known: strong enough not to fail
    what it is given, at less than the strongest tier's price."""
    resolver: ResolverSettings = ResolverSettings()
    sandbox: SandboxSettings = SandboxSettings()
    _source: str = PrivateAttr(default="configuration")
    _warnings: tuple[Problem, ...] = PrivateAttr(default=())

    @field_validator("policy", mode="before")
    @classmethod
    def _each_key_in_one_place(cls, value: Any) -> Any:
        for name in ELSEWHERE.keys() & (value if isinstance(value, dict) else {}):
            raise fault(f"has no key {name}", f"Write {ELSEWHERE[name]}")
        return value

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
        """Where the endpoint of that key is in the configuration."""
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


def sections() -> dict[str, type[Section]]:
    """The tables beside ``tiers``, by their names in the file."""
    found = {n: section_at((n,)) for n in RouterConfig.model_fields if n != "tiers"}
    return {name: section for name, section in found.items() if section is not None}


def keys_of(section: type[Section]) -> list[str]:
    """The keys that the file may give in that table."""
    elsewhere = ELSEWHERE if section is Policy else {}
    return [name for name in section.model_fields if name not in elsewhere]


def section_at(path: tuple[str | int, ...]) -> type[Section] | None:
    """The class of the table at ``path``; ``None`` if there is none."""
    section: type[Section] | None = RouterConfig
    for step in path:
        if isinstance(step, int):
            continue
        name = "endpoints" if step == "providers" else step
        field = section.model_fields.get(name)
        section = _section_in(field.annotation) if field else None
        if section is None:
            return None
    return section


def _section_in(annotation: Any) -> type[Section] | None:
    """The section in a type such as ``tuple[Budget, ...]`` or ``TierConfig | None``."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation
    found = map(_section_in, get_args(annotation))
    return next((section for section in found if section is not None), None)
