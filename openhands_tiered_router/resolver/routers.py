"""The router that a command line asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from openhands_tiered_router.router import ComplexityRouter


def router_of(
    config: str | None, verify: bool | None, task_value: float | None = None
) -> ComplexityRouter:
    """The configured router; ``verify`` and ``task_value``, USD, override the
    configuration, ``None`` does not.

    Raises:
        ConfigError: The configuration cannot be used.
    """
    from openhands_tiered_router.router import ComplexityRouter

    router = ComplexityRouter.from_config(config, task_value=task_value)
    if verify is None:
        return router
    chosen = router.settings.verify.model_copy(update={"enabled": verify})
    return _with(router, verify=chosen)


def limited(router: ComplexityRouter, usd: float) -> ComplexityRouter:
    """A copy under one more budget, USD."""
    from openhands_tiered_router.guards.budget.limits import Budget
    from openhands_tiered_router.guards.budget.messages import COMMAND_LINE

    budgets = (*router.settings.budgets, Budget(name=COMMAND_LINE, usd=usd))
    return _with(router, budgets=budgets)


def forgetful(router: ComplexityRouter) -> ComplexityRouter:
    """A copy without memory: an issue's author is a stranger, whose words are no user's
    decisions, and whose commands are nothing to tell the next conversation."""
    memory = router.settings.memory.model_copy(update={"enabled": False})
    settings = router.settings.model_copy(update={"memory": memory})
    return router.model_copy(update={"settings": settings})


def _with(router: ComplexityRouter, **given: object) -> ComplexityRouter:
    """A copy with these settings, which no change of the file takes away again."""
    update = {**given, "follows_file": False}
    settings = router.settings.model_copy(update=update)
    return router.model_copy(update={"settings": settings})
