from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from openhands_tiered_router.cli.demo.models import (
    MODELS,
    PRICES,
    configuration,
    name_at_provider,
)
from openhands_tiered_router.config import load_config, tier_set
from openhands_tiered_router.policy.economics.price_book import default_price_book
from openhands_tiered_router.tiers import Tier


STANDS_IN_FOR = {
    Tier.SIMPLE: "gpt-4.1-nano",
    Tier.MEDIUM: "gpt-4.1-mini",
    Tier.COMPLEX: "claude-sonnet-4-5",
    Tier.REASONING: "claude-opus-4-5",
}


@pytest.mark.parametrize("tier", list(Tier))
def test_prices_are_the_list_prices_that_they_claim_to_be(tier: Tier) -> None:
    listed = default_price_book().prices(STANDS_IN_FOR[tier])
    assert listed is not None
    for kind in ("input", "output", "cache_read", "cache_write"):
        assert getattr(PRICES[tier], kind) == pytest.approx(getattr(listed, kind))


def test_no_provider_has_models_of_these_names() -> None:
    for model in MODELS.values():
        assert default_price_book().prices(model) is None


def test_the_configuration_says_what_the_provider_charges(tmp_path: Path) -> None:
    path = tmp_path / "tiered-router.toml"
    database = tmp_path / 'odd "name"' / "telemetry.sqlite"
    path.write_text(configuration("http://127.0.0.1:1", database))
    config = load_config(path)
    tiers = tier_set(config)
    assert config.telemetry.path == str(database)
    assert tiers.tiers() == tuple(Tier)
    for endpoint in tiers.endpoints:
        assert endpoint.model.endswith(f"/{name_at_provider(endpoint.tier)}")
        assert endpoint.prices
        # What an hour of caching costs is the package's knowledge, not the file's.
        assert replace(endpoint.prices, cache_write_1h=None) == PRICES[endpoint.tier]
