"""The deployment files are what their readers take them for."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from openhands_tiered_router.cli.serve import command as serve
from openhands_tiered_router.config import load_config, parse_config


ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "examples" / "deploy"
KUBERNETES = "1.31"


def manifests() -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{path.name}:{document['kind']}", document)
        for path in sorted((DEPLOY / "kubernetes").glob("*.yaml"))
        for document in yaml.safe_load_all(path.read_text(encoding="utf-8"))
    ]


@pytest.mark.parametrize(
    "manifest", [m for _, m in manifests()], ids=[name for name, _ in manifests()]
)
def test_manifests_are_valid(manifest: dict[str, Any]) -> None:
    kubernetes_validate.validate(manifest, KUBERNETES, strict=True)


def test_a_misspelt_field_would_be_seen() -> None:
    manifest = {"apiVersion": "v1", "kind": "Service", "spec": {"prots": []}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(manifest, KUBERNETES, strict=True)


def test_configurations_load() -> None:
    assert load_config(DEPLOY / "tiered-router.toml").state.backend == "redis"
    config = next(m for name, m in manifests() if name == "config.yaml:ConfigMap")
    text = config["data"]["tiered-router.toml"]
    assert parse_config(tomllib.loads(text), "config.yaml").state.url_env == "REDIS_URL"


def test_the_image_is_built_from_extras_and_options_that_exist() -> None:
    dockerfile = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    found = re.search(r"openhands-tiered-router\[([a-z,]+)\]", dockerfile)
    assert found is not None
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extras = project["project"]["optional-dependencies"]
    assert set(found[1].split(",")) <= extras.keys()
    options = {option for p in serve.params for option in p.opts}
    assert set(re.findall(r'"(--[a-z-]+)"', dockerfile)) <= options


def test_compose_gives_what_the_configuration_asks_for() -> None:
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
    gateway = compose["services"]["gateway"]
    config = load_config(DEPLOY / "tiered-router.toml")
    assert config.state.url_env in gateway["environment"]
    assert set(gateway["depends_on"]) <= compose["services"].keys()
    named = {v.partition(":")[0] for v in gateway["volumes"] if not v.startswith(".")}
    assert named <= compose["volumes"].keys()
    assert all(port.startswith("127.0.0.1:") for port in gateway["ports"])
