"""What a router carries of its configuration, wherever it is copied."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from openhands_tiered_router.calls.settings import (
    BreakerSettings,
    DispatchSettings,
    StateSettings,
)
from openhands_tiered_router.fields import Number, Section
from openhands_tiered_router.graph.settings import GraphSettings
from openhands_tiered_router.guards.budget.limits import Budgets
from openhands_tiered_router.guards.confirm.settings import ConfirmSettings
from openhands_tiered_router.guards.loops.settings import LoopSettings
from openhands_tiered_router.guards.verify.settings import VerifySettings
from openhands_tiered_router.memory.settings import MemorySettings
from openhands_tiered_router.policy.economics.lifetime import CacheSettings
from openhands_tiered_router.policy.policy import Policy
from openhands_tiered_router.record.metrics.settings import MetricsSettings
from openhands_tiered_router.record.telemetry.settings import TelemetrySettings
from openhands_tiered_router.skill_kit.settings import SkillSettings
from openhands_tiered_router.tiers import DEFAULT_MAX_COMPLEXITY, Endpoint, Tier
from openhands_tiered_router.tokens.settings import TokenSettings


class ReloadSettings(Section):
    """``[reload]``: whether changes of the configuration are taken up while running.

    Reloading when asked to (a call, ``SIGHUP``) works in any case.
    """

    watch: bool = False
    """Look at the file now and then, and take up what changed. Off: an agent that can
    write the file could lift its own limits."""
    interval: Annotated[Number, Field(ge=0.1, le=3_600)] = 2.0
    """Seconds between looks, each of five system calls. A change counts once two looks
    have seen the same."""


class Sections(Section):
    """The tables that the file and a router have in common."""

    policy: Policy = Policy()
    dispatch: DispatchSettings = DispatchSettings()
    breaker: BreakerSettings = BreakerSettings()
    telemetry: TelemetrySettings = TelemetrySettings()
    graph: GraphSettings = GraphSettings()
    cache: CacheSettings = CacheSettings()
    budgets: Budgets = ()
    """What may be spent, and what happens at the limits."""
    state: StateSettings = StateSettings()
    loops: LoopSettings = LoopSettings()
    verify: VerifySettings = VerifySettings()
    confirm: ConfirmSettings = ConfirmSettings()
    skills: SkillSettings = SkillSettings()
    metrics: MetricsSettings = MetricsSettings()
    tokens: TokenSettings = TokenSettings()
    memory: MemorySettings = MemorySettings()
    reload: ReloadSettings = ReloadSettings()


class RouterSettings(Sections):
    """Everything but the models themselves; holds no secret."""

    endpoints: tuple[Endpoint, ...] = ()
    """What is known of each model, by its key in ``llms_for_routing``; for a key that
    is missing here it is read off the LLM."""
    max_complexity: dict[Tier, float] = Field(
        default_factory=lambda: dict(DEFAULT_MAX_COMPLEXITY)
    )
    """Upper end of the task complexity, in [0, 1], of each tier."""
    config_file: str | None = None
    """File that this is from."""
    follows_file: bool = True
    """Whether changes of that file are taken up; not where settings were given beside
    it, which would then be lost."""
    retired: tuple[str, ...] = ()
    """Keys in ``llms_for_routing`` that a changed configuration no longer has: their
    costs stay counted, and they serve no more."""
    key_variables: dict[str, str] = Field(default_factory=dict)
    """Environment variable that holds the key of each endpoint, so that a router
    restored without secrets finds them again."""

    def over(self, file: RouterSettings) -> RouterSettings:
        """These settings where they were given, key by key, else those of ``file``.

        They also override the file's later changes: the result follows no file.
        """
        return _merged(file.model_copy(update={"follows_file": False}), self)

    @property
    def followed_file(self) -> str | None:
        """The file whose changes are taken up; ``None``: there is none."""
        return self.config_file if self.follows_file else None


def _merged[S: Section](below: S, above: S) -> S:
    """``below`` with each key that ``above`` was given, table by table."""
    update = {}
    for name in above.model_fields_set:
        value, other = getattr(above, name), getattr(below, name)
        update[name] = _merged(other, value) if isinstance(value, Section) else value
    return below.model_copy(update=update)
