"""What a router carries of a configuration, beside the models."""

from __future__ import annotations

from openhands_tiered_router.config import (
    RouterConfig,
    dispatch_of,
    policy_of,
    tier_set,
)
from openhands_tiered_router.config.settings import file_of, fitted_path
from openhands_tiered_router.settings import RouterSettings


def settings_of(config: RouterConfig) -> RouterSettings:
    """All that the configuration says beside the models."""
    tiers, fitted, file = tier_set(config), fitted_path(config), file_of(config)
    telemetry = config.telemetry
    return RouterSettings(
        endpoints=tiers.endpoints,
        max_complexity=dict(tiers.max_complexity),
        policy=policy_of(config),
        dispatch=dispatch_of(config),
        explore=config.explore.to_exploration(),
        cache=config.cache.to_cache(),
        fitted=str(fitted) if fitted else None,
        budgets=tuple(budget.to_budget() for budget in config.budgets),
        state=config.state.to_state(),
        loops=config.loops.to_loops(),
        verify=config.verify.to_settings(),
        confirm=config.confirm.to_settings(),
        skills=config.skills.to_skills(),
        metrics=config.metrics.to_metrics(),
        reload=config.reload.to_reload(),
        config_file=str(file) if file else None,
        telemetry=telemetry.enabled,
        telemetry_path=telemetry.path,
        telemetry_queue=telemetry.queue_size,
        telemetry_keep_days=telemetry.keep_days or None,
        telemetry_max_megabytes=telemetry.max_megabytes or None,
        telemetry_texts=telemetry.texts,
        telemetry_text_bytes=telemetry.text_bytes,
        graph=config.graph.enabled,
        key_variables={
            key: endpoint.api_key_env
            for key, endpoint in config.endpoints().items()
            if endpoint.api_key_env
        },
    )
