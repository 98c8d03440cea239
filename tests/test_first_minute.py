"""Nineteen defects that a new user met in an earlier version, and their tests."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest


TESTS = Path(__file__).parent
ROOT = TESTS.parent
DEFECTS: tuple[tuple[str, str], ...] = (
    (
        "the README's test command failed on a fresh clone",
        "test_first_minute.py::test_the_readmes_commands_are_tried_before_any_other",
    ),
    (
        "without a network, run was silent for two minutes",
        "cli/test_run.py::test_no_network_is_told_in_seconds",
    ),
    (
        "status showed runs that had ended, and other configurations'",
        "cli/test_status.py::test_what_ended_does_not_run "
        "cli/test_status.py::test_only_what_this_configuration_routes_is_alive_here "
        "cli/test_status.py::test_watch_shows_what_runs",
    ),
    (
        "run showed neither thoughts nor results, and --json no answer",
        "cli/test_run.py::test_it_shows_each_turn_with_its_tier "
        "cli/test_run.py::test_json_lines",
    ),
    (
        "report --misroutes printed a command that could not work",
        "cli/test_report.py::test_every_command_that_is_printed_beside_a_mistake_works",
    ),
    (
        "resolve --demo named a patch that was gone",
        "cli/test_resolve.py"
        "::test_the_demo_shows_its_patch_and_names_no_file_that_goes",
    ),
    (
        "from_config(stream=True) reached no tier",
        "sdk/contract/test_fields.py::test_given_settings_leave_the_others_of_the_file",
    ),
    (
        "from_config(settings=...) dropped the file's settings",
        "sdk/contract/test_fields.py::test_given_settings_leave_the_others_of_the_file",
    ),
    (
        "pinning was hardly documented; router.pinned printed the router",
        "test_first_minute.py::test_the_pages_say_how_to_force_a_tier "
        "routed/test_router.py::test_pins "
        "routed/test_router.py::test_a_marker_in_a_user_message_pins",
    ),
    (
        "the beginning of an id was refused; no list of conversations",
        "cli/test_report.py::test_the_beginning_of_an_id_is_enough "
        "cli/test_run.py::test_the_newest_conversation_goes_on_and_ids_may_be_cut",
    ),
    (
        "serve said Listening eleven seconds before it answered",
        "cli/test_serve.py::test_it_says_listening_once_it_answers",
    ),
    (
        "config export wanted a key that the file did not have",
        "cli/test_config.py::test_no_key_is_asked_for_where_none_is_needed",
    ),
    (
        "doctor took an unpriced model under a budget in USD for a warning",
        "cli/test_doctor.py"
        "::test_an_unpriced_model_fails_where_a_budget_in_usd_refuses_it",
    ),
    (
        "a line uncommented in init's file landed in the wrong table",
        "cli/test_init.py::test_each_comment_that_is_a_setting_works_alone",
    ),
    (
        "turns counted from 1 in the demo, from 0 elsewhere",
        "cli/test_run.py::test_json_lines "
        "cli/test_status.py::test_watch_shows_what_runs "
        "cli/test_report.py::test_every_command_that_is_printed_beside_a_mistake_works",
    ),
    (
        "explain's chosen candidate looked dearer than the other",
        "cli/test_explain.py::test_the_sum_of_a_choice_is_shown",
    ),
    (
        "replay's optimum was not explained; the wheel had no types and no addresses",
        "cli/test_replay.py::test_people_get_a_table_and_a_plot "
        "test_first_minute.py::test_the_wheel_has_types_and_addresses",
    ),
    (
        "a missing key was said four times after 16 s; init took any model",
        "cli/test_run.py::test_a_missing_key_is_told_once "
        "cli/test_init.py::test_an_unknown_model_is_refused",
    ),
    (
        "the README imported the SDK before this package",
        "test_docs.py::test_this_package_is_imported_before_the_sdk",
    ),
)
"""What was found, in the order in which it was, and the tests that keep it mended."""


def test_there_are_nineteen() -> None:
    assert len(DEFECTS) == 19


@pytest.mark.parametrize(("found", "tests"), DEFECTS)
def test_each_has_its_test(found: str, tests: str) -> None:
    assert tests.split()
    for test in tests.split():
        path, _, name = test.partition("::")
        tree = ast.parse((TESTS / path).read_text(encoding="utf-8"))
        names = {n.name for n in tree.body if isinstance(n, ast.FunctionDef)}
        assert name in names, f"{found}: {test}"


def test_the_readmes_commands_are_tried_before_any_other() -> None:
    """Nothing may be installed before them that a stranger does not have."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    promised = re.findall(r"^pip install -q uv && .+$", readme, re.MULTILINE)
    assert [line.rpartition("uv run ")[2] for line in promised] == [
        "tiered-router demo",
        "pytest",
    ]
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    lines = [line for line in script if line and line[0] not in "# "]
    calls = [n for n, line in enumerate(lines) if re.search(r"\b(uv|pip)\b", line)]
    assert [lines[n] for n in calls[:2]] == promised
    before = "\n".join(lines[: calls[0]])
    assert 'cd "$fresh/clone"' in before
    assert 'export HOME="$fresh/home"' in before


def test_the_pages_say_how_to_force_a_tier() -> None:
    """The samples there are run by ``test_docs.py`` and ``test_commands.py``."""
    page = (ROOT / "docs" / "how-to.md").read_text(encoding="utf-8")
    section = page.partition("\n## Force a tier\n")[2].partition("\n## ")[0]
    for way in (
        "[tier: reasoning]",
        "[tier: auto]",
        'router.pin("complex")',
        'pinned_to("simple")',
    ):
        assert way in section


def test_the_wheel_has_types_and_addresses() -> None:
    assert (ROOT / "openhands_tiered_router" / "py.typed").is_file()
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    urls = settings["project"]["urls"]
    assert {"Repository", "Documentation", "Changelog"} <= set(urls)
    assert all(url.startswith("https://") for url in urls.values())
