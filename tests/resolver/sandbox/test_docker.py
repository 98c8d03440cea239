"""Docker's ways to fail, each with its own words; the daemon is a stand-in."""

from __future__ import annotations

import io
import subprocess
import tarfile
from importlib.metadata import version
from pathlib import Path
from uuid import uuid4

import pytest

from openhands_tiered_router.config.resolver import Sandbox, SandboxSettings
from openhands_tiered_router.resolver.errors import ResolveError, UsageProblem
from openhands_tiered_router.resolver.sandbox import docker as real, image, opening
from openhands_tiered_router.resolver.sandbox.opening import Place, told
from tests.resolver.sandbox.conftest import Docker


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(
        sandbox=Sandbox.DOCKER,
        settings=SandboxSettings(image="registry.example/server:1"),
        conversation=uuid4(),
        directory=tmp_path / "private",
    )


def test_without_docker_the_way_to_local_is_shown(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageProblem, match=r"no command docker.*--sandbox local"):
        opening.check(Sandbox.DOCKER, SandboxSettings())


def test_a_daemon_that_is_down_is_told_in_docker_s_words(docker: Docker) -> None:
    opening.check(Sandbox.DOCKER, SandboxSettings())
    docker.breaks("daemon")
    said = r"Cannot connect to the Docker daemon.*start it.*--sandbox local"
    with pytest.raises(UsageProblem, match=said):
        opening.check(Sandbox.DOCKER, SandboxSettings())


def test_an_image_that_cannot_be_pulled(docker: Docker, place: Place) -> None:
    docker.breaks("pull")
    with (
        pytest.raises(ResolveError, match="registry.example/server:1 cannot be pulled"),
        opening.opened(place),
    ):
        pass
    assert docker.names("containers") == []


def test_an_image_that_cannot_be_built(docker: Docker, place: Place) -> None:
    docker.breaks("build")
    own = Place(
        sandbox=place.sandbox,
        settings=SandboxSettings(),
        conversation=place.conversation,
        directory=place.directory,
    )
    with (
        pytest.raises(ResolveError, match="image cannot be built"),
        opening.opened(own),
    ):
        pass
    assert [words[0] for words in docker.calls()][-1] == "build"


def test_a_container_that_stops_at_once_says_its_last_words(
    docker: Docker, place: Place
) -> None:
    docker.breaks("start")
    with (
        pytest.raises(ResolveError, match="stopped before.*No module named x"),
        opening.opened(place),
    ):
        pass
    assert docker.names("containers") == [], "it is removed"
    assert not any("key" in word for words in docker.calls("pull") for word in words)


@pytest.mark.slow
def test_another_port_is_tried_where_one_is_taken(docker: Docker, place: Place) -> None:
    docker.breaks("ports", "2")
    docker.breaks("start")
    with pytest.raises(ResolveError, match="stopped before"), opening.opened(place):
        pass
    runs = docker.calls("run")
    assert len({words[words.index("-p") + 1] for words in runs}) == 3
    docker.breaks("ports", "99")
    with (
        pytest.raises(ResolveError, match="port is already allocated"),
        opening.opened(place),
    ):
        pass


def test_the_server_s_key_is_kept_for_the_next_container(
    docker: Docker, place: Place
) -> None:
    docker.breaks("start")
    for _ in range(2):
        with pytest.raises(ResolveError), opening.opened(place):
            pass
    environments = [words[words.index("-e") + 1] for words in docker.calls("run")]
    (only,) = set(environments)
    name, key = only.split("=")
    assert name == real.SESSION_KEY
    assert len(key) > 30
    kept = place.directory / "container.key"
    assert kept.read_text() == key
    assert kept.stat().st_mode & 0o077 == 0


def test_the_image_is_named_after_what_is_in_it(monkeypatch) -> None:
    first = image.tag()
    assert image.tag() == first
    monkeypatch.setattr(image, "base_image", lambda: "registry.example/other:1")
    assert image.tag() != first


def test_the_image_brings_this_package_with_the_versions_that_are_here(
    tmp_path: Path,
) -> None:
    with tarfile.open(fileobj=io.BytesIO(image.context())) as archive:
        archive.extractall(tmp_path, filter="data")
    text = (tmp_path / "requirements.txt").read_text()
    for name in ("openhands-sdk", "openhands-agent-server", "litellm"):
        assert f"{name}=={version(name)}\n" in text
    assert "extra ==" not in text
    assert "networkx" in text
    steps = (tmp_path / "Dockerfile").read_text()
    assert steps.startswith("FROM ghcr.io/openhands/agent-server:")
    assert (tmp_path / image.PACKAGE / "server" / "preload.py").is_file()
    assert not list(tmp_path.rglob("__pycache__"))


def test_a_daemon_that_hangs_fails_no_work_that_is_done(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hang(*_: object, **__: object) -> None:
        raise subprocess.TimeoutExpired("docker", 30)

    monkeypatch.setattr(subprocess, "run", hang)
    opening.forget(place)
    with pytest.raises(ResolveError, match="TimeoutExpired"), told(place):
        real.is_here("image")
