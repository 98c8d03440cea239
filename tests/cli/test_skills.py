"""``tiered-router skills`` in real directories, read by the SDK's own loader."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from openhands.sdk.skills import load_project_skills
from openhands.sdk.subagent import load_project_agents

from openhands_tiered_router.cli.skills import LAYOUTS, command
from openhands_tiered_router.skill_kit.install import skills
from openhands_tiered_router.skill_kit.stamp import stamped
from openhands_tiered_router.textfiles import write


NAMES = set(skills())


def run(*arguments: object) -> Result:
    return CliRunner().invoke(command, [str(each) for each in arguments])


def files(root: Path) -> dict[str, str]:
    found = sorted(path for path in root.rglob("*") if path.is_file())
    return {str(path.relative_to(root)): path.read_text() for path in found}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_is_installed_the_sdk_loads(tmp_path: Path, layout: str) -> None:
    result = run("install", "--layout", layout, tmp_path)
    assert result.exit_code == 0, result.output
    loaded = {skill.name: skill for skill in load_project_skills(str(tmp_path))}
    assert set(loaded) == NAMES
    for skill in loaded.values():
        assert skill.get_triggers()
        assert "tiered-router:" not in skill.content, "the stamp costs no tokens"
    (explorer,) = load_project_agents(tmp_path)
    assert explorer.name == "explorer"
    assert explorer.metadata["tier"] == "simple"
    assert explorer.model == "inherit"


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_repository_page_is_always_in_context(tmp_path: Path, layout: str) -> None:
    assert run("repo", "--layout", layout, tmp_path).exit_code == 0
    (page,) = load_project_skills(str(tmp_path))
    assert page.name == "repo"
    assert page.trigger is None
    assert page.content.startswith("# This repository")


def test_again_changes_nothing_and_remove_takes_all(tmp_path: Path) -> None:
    run("install", tmp_path)
    before = files(tmp_path)
    result = run("install", tmp_path)
    assert result.output.count("current") == len(NAMES) + 1
    assert files(tmp_path) == before
    assert run("remove", tmp_path).exit_code == 0
    assert list(tmp_path.iterdir()) == []


def test_dry_run_writes_nothing(tmp_path: Path) -> None:
    assert "would be written" in run("install", "--dry-run", tmp_path).output
    assert "# This repository" in run("repo", "--dry-run", tmp_path).output
    assert files(tmp_path) == {}
    run("install", tmp_path)
    before = files(tmp_path)
    assert "would be removed" in run("remove", "--dry-run", tmp_path).output
    assert files(tmp_path) == before


@pytest.mark.parametrize("verb", ["install", "remove"])
def test_an_edited_file_is_left_alone(tmp_path: Path, verb: str) -> None:
    run("install", tmp_path)
    path = tmp_path / ".agents" / "skills" / "tiered-routing" / "SKILL.md"
    edited = path.read_text() + "Our own line.\n"
    path.write_text(edited)
    result = run(verb, tmp_path)
    assert result.exit_code == 1
    assert "--force" in result.output
    assert path.read_text() == edited
    assert run(verb, "--force", tmp_path).exit_code == 0
    assert not path.exists() or "Our own line" not in path.read_text()


def test_a_file_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / ".agents" / "agents" / "explorer.md"
    path.parent.mkdir(parents=True)
    path.write_text("---\nname: explorer\n---\nTheirs.\n")
    assert run("install", tmp_path).exit_code == 1
    assert "Theirs." in path.read_text()
    page = tmp_path / ".agents" / "skills" / "repo.md"
    page.write_text("# Theirs\n")
    assert run("repo", tmp_path).exit_code == 1
    assert page.read_text() == "# Theirs\n"


def test_an_older_one_of_ours_is_replaced(tmp_path: Path) -> None:
    run("install", tmp_path)
    path = tmp_path / ".agents" / "skills" / "tiered-routing" / "SKILL.md"
    write(path, stamped("---\nname: tiered-routing\n---\nOlder.\n"))
    assert "outdated" in run("list", tmp_path).output
    assert run("install", tmp_path).exit_code == 0
    assert "Older." not in path.read_text()


def test_chosen_ones_as_json(tmp_path: Path) -> None:
    result = run("install", "--json", "--skill", "explorer", tmp_path)
    (file,) = json.loads(result.output)["files"]
    assert file["outcome"] == "written"
    assert list(files(tmp_path)) == [".agents/agents/explorer.md"]


def test_what_cannot_be_used_is_said(tmp_path: Path) -> None:
    result = run("install", "--skill", "nothing", tmp_path)
    assert result.exit_code == 2
    assert "tiered-routing" in result.output
    (tmp_path / ".agents").write_text("a file")
    result = run("install", tmp_path)
    assert result.exit_code == 2
    assert str(tmp_path / ".agents") in result.output


def test_a_link_out_of_the_repository_is_not_followed(tmp_path: Path) -> None:
    outside, inside = tmp_path / "outside", tmp_path / "inside"
    outside.mkdir()
    inside.mkdir()
    (inside / ".agents").symlink_to(outside)
    for verb in ("install", "remove", "repo"):
        result = run(verb, inside)
        assert result.exit_code == 2
        assert "link" in result.output
    assert files(outside) == {}
