"""The page on configuration and the schema say the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from openhands_tiered_router.config import EndpointConfig, load_config, parse_config
from openhands_tiered_router.config.llm_fields import RESERVED
from openhands_tiered_router.config.schema import keys_of, sections
from openhands_tiered_router.fields import Section


PAGE = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text()
SECTIONS = list(sections().values())


def rows() -> dict[str, str]:
    """Key and default of each row of the page's tables."""
    return dict(
        re.findall(r"^\| `(\w+)`(?: etc\.)? \| ([^|]+?) \|", PAGE, re.MULTILINE)
    )


@pytest.mark.parametrize("section", SECTIONS)
def test_every_key_stands_there_with_its_default(section: type[Section]) -> None:
    for name, field in section.model_fields.items():
        default = field.default
        if field.is_required() or name not in keys_of(section):
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
    assert all(f"`{name}`" in PAGE for name in RESERVED)


def test_no_key_stands_there_that_does_not_exist() -> None:
    known = {name for section in SECTIONS for name in keys_of(section)}
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
