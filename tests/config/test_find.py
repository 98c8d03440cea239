from __future__ import annotations

from pathlib import Path

import pytest

from openhands_tiered_router.config import (
    ConfigError,
    find as find_module,
    find_config,
    open_config,
)


TEXT = '[tiers]\ncomplex = "a/b"\n'


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's configuration directory, empty."""
    path = tmp_path / "user"
    path.mkdir()
    monkeypatch.setattr(find_module, "user_config_path", lambda *_args, **_kwargs: path)
    return path


def place(directory: Path, name: str) -> Path:
    directory.mkdir(exist_ok=True)
    path = directory / name
    path.write_text(TEXT)
    return path


def test_each_place_gives_way_to_the_one_before(home: Path, tmp_path: Path) -> None:
    cwd = tmp_path / "project"
    cwd.mkdir()
    environ = {"COMPLEX_MODEL": "c/d"}
    found = find_config(None, environ, cwd)
    assert (found.path, str(found)) == (None, "environment variables")
    user = place(home, "tiered-router.json")
    assert find_config(None, environ, cwd).path == user
    hidden = place(cwd / ".openhands", "tiered-router.yaml")
    assert find_config(None, environ, cwd).path == hidden
    yml = place(cwd, "tiered-router.yml")
    assert find_config(None, environ, cwd).path == yml
    toml = place(cwd, "tiered-router.toml")
    assert find_config(None, environ, cwd).path == toml
    environ["TIERED_ROUTER_CONFIG"] = "elsewhere.toml"
    found = find_config(None, environ, cwd)
    assert str(found) == "elsewhere.toml (TIERED_ROUTER_CONFIG)"
    assert find_config("mine.toml", environ, cwd).path == Path("mine.toml")


def test_nothing_found_tells_where_it_looked(home: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        find_config(None, {}, tmp_path)
    message = str(caught.value)
    assert str(tmp_path / ".openhands") in message
    assert str(home) in message
    assert "TIERED_ROUTER_CONFIG" in message
    assert "tiered-router init" in message


def test_what_is_found_is_read(home: Path, tmp_path: Path) -> None:
    path = place(tmp_path, "tiered-router.toml")
    assert open_config(None, {}, tmp_path).source == str(path)
    path.unlink()
    config = open_config(None, {"SIMPLE_MODEL": "e/f"}, tmp_path)
    assert config.endpoints()["simple"].model == "e/f"


def test_a_named_file_that_is_missing_is_no_reason_to_take_another(
    home: Path, tmp_path: Path
) -> None:
    place(tmp_path, "tiered-router.toml")
    with pytest.raises(ConfigError, match="does not exist"):
        open_config(tmp_path / "other.toml", {}, tmp_path)
