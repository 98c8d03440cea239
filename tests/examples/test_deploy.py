"""The deployment files are what their readers take them for."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from openhands_tiered_router.cli.metrics import command as metrics
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


def dockerfile() -> str:
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    return text.replace("\\\n", " ")


def copied() -> set[str]:
    lines = re.findall(r"^COPY (.+) \S+$", dockerfile(), re.MULTILINE)
    return {name for line in lines for name in line.split()}


def test_22_the_image_is_built_from_the_checkout(tmp_path: Path) -> None:
    """The wheel is built from what is copied, by what the project names for it."""
    for name in copied():
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tmp_path / name)
        else:
            shutil.copy(source, tmp_path / name)
    done = subprocess.run(
        ["uv", "build", "--quiet", "--offline", "--wheel"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    if "not found in the cache" in done.stderr or "network was disabled" in done.stderr:
        pytest.skip("what builds the wheel is not in uv's cache")
    assert done.returncode == 0, done.stderr
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert "openhands_tiered_router/gateway/app.py" in names
    assert any(
        name.startswith("openhands_tiered_router/skill_kit/skills/") for name in names
    )


def test_22_nothing_else_of_the_checkout_is_sent_to_the_builder() -> None:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert {line[1:] for line in lines if line.startswith("!")} == copied()
    assert "*" in lines


def test_22_its_volume_belongs_to_its_user() -> None:
    text = dockerfile()
    made = re.search(r"install --directory --owner=(\w+) --group=\w+ (\S+)", text)
    assert made is not None
    assert f"USER {made[1]}" in text
    assert f"VOLUME {made[2]}" in text
    assert text.index(made[0]) < text.index(f"USER {made[1]}")
    kept = re.findall(r"TIERED_ROUTER_\w+=(\S+)", text)
    assert len(kept) == 2
    assert all(path.startswith(f"{made[2]}/") for path in kept)


def test_the_image_has_extras_and_options_that_exist() -> None:
    found = re.search(r'"/src\[([a-z,]+)\]"', dockerfile())
    assert found is not None
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extras = project["project"]["optional-dependencies"]
    assert set(found[1].split(",")) <= extras.keys()
    options = {option for p in serve.params for option in p.opts}
    assert set(re.findall(r'"(--[a-z-]+)"', dockerfile())) <= options


def test_22_prometheus_scrapes_the_ports_that_are_served() -> None:
    path = ROOT / "examples" / "monitoring" / "prometheus.yml"
    (own, gateway) = yaml.safe_load(path.read_text(encoding="utf-8"))["scrape_configs"]
    for job, command in ((own, metrics), (gateway, serve)):
        (port,) = [p.default for p in command.params if p.name == "port"]
        (target,) = job["static_configs"][0]["targets"]
        assert target == f"localhost:{port}"
    assert "authorization" in gateway


def test_compose_gives_what_the_configuration_asks_for() -> None:
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
    gateway = compose["services"]["gateway"]
    build = gateway["build"]
    assert (DEPLOY / build["context"]).resolve() == ROOT
    assert (ROOT / build["dockerfile"]).samefile(DEPLOY / "Dockerfile")
    config = load_config(DEPLOY / "tiered-router.toml")
    assert config.state.url_env in gateway["environment"]
    assert set(gateway["depends_on"]) <= compose["services"].keys()
    named = {v.partition(":")[0] for v in gateway["volumes"] if not v.startswith(".")}
    assert named <= compose["volumes"].keys()
    assert all(port.startswith("127.0.0.1:") for port in gateway["ports"])
