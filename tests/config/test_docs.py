"""The page on configuration and the schema say the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel

from openhands_tiered_router.config import (
    DispatchConfig,
    EndpointConfig,
    GraphConfig,
    PolicyConfig,
    TelemetryConfig,
    load_config,
    parse_config,
)
from openhands_tiered_router.config.llm_fields import RESERVED
from openhands_tiered_router.config.sections.breaker import BreakerConfig
from openhands_tiered_router.config.sections.budgets import BudgetConfig
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


PAGE = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text()
SECTIONS = [
    BreakerConfig,
    BudgetConfig,
    CacheConfig,
    ConfirmConfig,
    DispatchConfig,
    ExploreConfig,
    GraphConfig,
    LoopsConfig,
    MetricsConfig,
    PolicyConfig,
    ReloadConfig,
    ResolverConfig,
    SandboxConfig,
    SkillsConfig,
    StateConfig,
    TelemetryConfig,
    VerifyConfig,
]


def rows() -> dict[str, str]:
    """Key and default of each row of the page's tables."""
    return dict(
        re.findall(r"^\| `(\w+)`(?: etc\.)? \| ([^|]+?) \|", PAGE, re.MULTILINE)
    )


@pytest.mark.parametrize("section", SECTIONS)
def test_every_key_stands_there_with_its_default(section: type[BaseModel]) -> None:
    for name, field in section.model_fields.items():
        default = field.default
        if field.is_required():
            continue
        if isinstance(default, bool):
            shown = str(default).lower()
        elif isinstance(default, int | float) and not hasattr(default, "up"):
            shown = str(default)
        elif not default or field.default_factory:
            continue
        else:
            shown = f'`"{default}"`'
        assert f"| `{name}` | {shown} |" in PAGE


def test_every_key_of_an_endpoint_stands_there() -> None:
    names = EndpointConfig.model_fields.keys() - {"llm", "long_context"}
    assert names <= rows().keys()
    assert rows()["weight"] == str(EndpointConfig.model_fields["weight"].default)
    assert rows()["cache_ttl"] == str(EndpointConfig.model_fields["cache_ttl"].default)
    assert all(f"`{name}`" in PAGE for name in RESERVED)


def test_no_key_stands_there_that_does_not_exist() -> None:
    known = {name for section in SECTIONS for name in section.model_fields}
    known |= EndpointConfig.model_fields.keys()
    known |= {"endpoints", "max_complexity", "TIERED_ROUTER_DEFAULT_TIER"}
    known |= {"input_cost_per_token_above_200k_tokens"}
    assert rows().keys() <= known


def test_the_examples_load(tmp_path: Path) -> None:
    toml = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    shapes = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert toml
    assert shapes
    path = tmp_path / "c.toml"
    for text in toml:
        path.write_text(text)
        assert load_config(path).endpoints()
    for text in shapes:
        assert parse_config(yaml.safe_load(text), "page").endpoints()
