"""``[[budgets]]``: what may be spent."""

from __future__ import annotations

from typing import Annotated, Any, Final, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from openhands_tiered_router.config.fields import Count, Number, Section
from openhands_tiered_router.guards.budget.limits import MEASURES, Budget, Scope
from openhands_tiered_router.tiers import Tier


_DEFAULT: Final = Budget(name="")
_OF_A_CALL: Final = {"usd", "tokens"}


def _scope(value: Any) -> Scope:
    try:
        return Scope(value)
    except ValueError:
        remedy = f"Write one of {', '.join(Scope)}"
        raise PydanticCustomError("scope", "is no scope", {"remedy": remedy}) from None


def _tier(value: Any) -> Tier:
    try:
        return value if isinstance(value, Tier) else Tier.parse(value)
    except (ValueError, AttributeError):
        remedy = f"Write one of {', '.join(map(str, Tier))}"
        raise PydanticCustomError("tier", "is not a tier", {"remedy": remedy}) from None


class BudgetConfig(Section):
    """A limit on what may be spent."""

    name: Annotated[str, Field(min_length=1, max_length=100)]
    """Budgets of one scope and name count together, also over configurations."""
    scope: Annotated[Scope, BeforeValidator(_scope)] = _DEFAULT.scope
    """Whose spending counts: call, conversation (with its sub-agents), day (UTC),
    project or user (all that was ever counted under the name)."""
    usd: Annotated[Number, Field(ge=0, le=1e6)] | None = None
    """Limit in USD."""
    tokens: Annotated[Count, Field(ge=0, le=10**12)] | None = None
    """Limit in tokens, prompts and answers, cached ones included."""
    turns: Annotated[Count, Field(ge=0, le=10**9)] | None = None
    """Limit in answers to steps of conversations."""
    seconds: Annotated[Number, Field(ge=0, le=1e9)] | None = None
    """Limit in wall time, without waits for the user."""
    soft: Annotated[Number, Field(gt=0, le=1)] = _DEFAULT.soft
    """Share of a limit from which on no tier above ``soft_tier`` serves."""
    soft_tier: Annotated[Tier, BeforeValidator(_tier)] = _DEFAULT.soft_tier
    """That tier: one below the default tier, so that work goes on at less."""
    allow_unpriced: bool = _DEFAULT.allow_unpriced
    """Let endpoints without a known price serve under a USD limit; they count 0."""

    @model_validator(mode="after")
    def _check_limits(self) -> Self:
        given = {name for name in MEASURES if getattr(self, name) is not None}
        if not given:
            remedy = f"Give at least one of {', '.join(MEASURES)}"
            raise PydanticCustomError("no_limit", "limits nothing", {"remedy": remedy})
        if self.scope is Scope.CALL and given - _OF_A_CALL:
            remedy = "Limit usd or tokens; a call's time is [dispatch] attempt_timeout"
            raise PydanticCustomError(
                "call_limit", "limits a call in turns or seconds", {"remedy": remedy}
            )
        return self

    def to_budget(self) -> Budget:
        """What the router takes."""
        return Budget(**dict(self))


def _distinct(budgets: tuple[BudgetConfig, ...]) -> tuple[BudgetConfig, ...]:
    seen = [(budget.scope, budget.name) for budget in budgets]
    if len(set(seen)) == len(seen):
        return budgets
    raise PydanticCustomError(
        "same_budget",
        "has two budgets of one scope and name",
        {"remedy": "Write their limits into one, or rename one"},
    )


Budgets = Annotated[tuple[BudgetConfig, ...], AfterValidator(_distinct)]
"""Every ``[[budgets]]`` table."""
