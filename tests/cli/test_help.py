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
