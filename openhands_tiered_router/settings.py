"""The part of a configuration that a router carries with it, wherever it is copied."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from openhands_tiered_router.calls.settings import DispatchSettings
from openhands_tiered_router.calls.state.settings import StateSettings
from openhands_tiered_router.config.reload_settings import ReloadSettings
from openhands_tiered_router.guards.budget.limits import Budget
from openhands_tiered_router.guards.confirm.settings import ConfirmSettings
from openhands_tiered_router.guards.loops.settings import LoopSettings
from openhands_tiered_router.guards.verify.settings import VerifySettings
from openhands_tiered_router.policy.economics.lifetime import CacheSettings
from openhands_tiered_router.policy.exploration import Exploration
from openhands_tiered_router.policy.policy import Policy
from openhands_tiered_router.record.metrics.settings import MetricsSettings
from openhands_tiered_router.skill_kit.settings import SkillSettings
from openhands_tiered_router.tiers import DEFAULT_MAX_COMPLEXITY, Endpoint, Tier


class RouterSettings(BaseModel):
    """Everything but the models themselves; holds no secret."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    endpoints: tuple[Endpoint, ...] = Field(
        default=(),
        description="What is known of each model, by its key in `llms_for_routing`; "
        "for a key that is missing here it is read off the LLM.",
    )
    max_complexity: dict[Tier, float] = Field(
        default_factory=lambda: dict(DEFAULT_MAX_COMPLEXITY),
        description="Upper end of the task complexity, in [0, 1], of each tier.",
    )
    policy: Policy = Field(default_factory=Policy)
    dispatch: DispatchSettings = Field(default_factory=DispatchSettings)
    explore: Exploration = Field(default_factory=Exploration)
    cache: CacheSettings = Field(default_factory=CacheSettings)
    budgets: tuple[Budget, ...] = Field(
        default=(), description="What may be spent, and what happens at the limits."
    )
    state: StateSettings = Field(default_factory=StateSettings)
    loops: LoopSettings = Field(default_factory=LoopSettings)
    verify: VerifySettings = Field(default_factory=VerifySettings)
    confirm: ConfirmSettings = Field(default_factory=ConfirmSettings)
    skills: SkillSettings = Field(default_factory=SkillSettings)
    metrics: MetricsSettings = Field(default_factory=MetricsSettings)
    reload: ReloadSettings = Field(default_factory=ReloadSettings)
    config_file: str | None = Field(
        default=None, description="File that all this is from, to follow its changes."
    )
    retired: tuple[str, ...] = Field(
        default=(),
        description="Keys in `llms_for_routing` that a changed configuration no longer "
        "has: they keep their books, and serve no more.",
    )
    fitted: str | None = Field(
        default=None, description="File of models fitted to the user's own data."
    )
    telemetry: bool = Field(default=True, description="Put decisions on record.")
    telemetry_path: str | None = Field(
        default=None, description="SQLite file; by default in the user's directory."
    )
    telemetry_queue: int = Field(
        default=10_000, ge=1, description="Records that may wait for the disk."
    )
    telemetry_keep_days: int | None = Field(
        default=365, ge=1, description="Days that a conversation stays on record."
    )
    telemetry_max_megabytes: int | None = Field(
        default=4_000, ge=1, description="Size that the record may have, 10^6 bytes."
    )
    telemetry_texts: bool = Field(
        default=False, description="Record what users and models say, redacted."
    )
    telemetry_text_bytes: int = Field(
        default=8_000, ge=100, description="Bytes kept of each such text."
    )
    graph: bool = Field(default=True, description="Use the workspace's code graph.")
    key_variables: dict[str, str] = Field(
        default_factory=dict,
        description="Environment variable that holds the key of each endpoint, so "
        "that a router restored without secrets finds them again.",
    )
