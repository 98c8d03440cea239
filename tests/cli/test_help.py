"""What every command says of itself."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from openhands_tiered_router.cli import tiered_router


def commands(command: click.Command, words: tuple[str, ...] = ()) -> Iterator[str]:
    yield " ".join(words)
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from commands(below, (*words, name))


@pytest.mark.parametrize("words", list(commands(tiered_router)))
def test_help_fits_a_terminal_of_80_columns(words: str) -> None:
    """An address may not be broken."""
    narrow = CliRunner(env={"COLUMNS": "80"})
    shown = narrow.invoke(tiered_router, [*words.split(), "--help"])
    assert shown.exit_code == 0
    lines = shown.output.splitlines()
    assert not [line for line in lines if len(line) > 80 and "https://" not in line]


IN_OTHER_WAYS = {
    "conversations resume": "takes the options of run",
    "graph mcp": "speaks MCP",
    "metrics": "serves another format",
    "route": "reads and writes JSON lines alone",
    "telemetry export": "--format",
}


@pytest.mark.parametrize("words", list(commands(tiered_router)))
def test_every_command_answers_in_json_and_names_options_alike(words: str) -> None:
    command: click.Command | None = tiered_router
    for word in words.split():
        assert isinstance(command, click.Group)
        command = command.get_command(click.Context(command), word)
    assert command is not None
    if not isinstance(command, click.Group):
        options = {name for p in command.params for name in p.opts}
        assert ("--json" in options) is (words not in IN_OTHER_WAYS), words
        assert ("--config" in options) is ("-c" in options), words


@pytest.mark.parametrize("words", list(commands(tiered_router)))
def test_help_has_no_marks_of_another_format(words: str) -> None:
    shown = CliRunner().invoke(tiered_router, [*words.split(), "--help"])
    assert "``" not in shown.output
