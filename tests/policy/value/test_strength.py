"""How strong models are taken to be."""

from __future__ import annotations

from openhands_tiered_router.policy.value.strength import Strength, strengths_of
from openhands_tiered_router.tiers import Endpoint, Tier


def endpoint(
    model: str,
    tier: Tier = Tier.SIMPLE,
    success: float | None = None,
    usd: float | None = None,
) -> Endpoint:
    return Endpoint(
        key=str(tier), tier=tier, model=model, success=success, task_usd=usd
    )


def test_the_users_figures_are_taken_as_they_are() -> None:
    found = strengths_of([endpoint("example/none", success=0.6, usd=0.2)])
    assert found == {"simple": Strength(0.6, 0.2, "configuration")}


def test_of_a_model_that_nobody_knows_nothing_is_said() -> None:
    assert strengths_of([endpoint("example/none")]) == {}
