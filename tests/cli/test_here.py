"""What commands share."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from openhands_tiered_router.cli import tiered_router


@pytest.mark.parametrize("number", ["nan", "inf", "-inf"])
@pytest.mark.parametrize(
    "words",
    [
        ["run", "--task", "x", "--budget"],
        ["run", "--task", "x", "--task-value"],
        ["init", "--preset", "openai", "--task-value"],
        ["advise", "--value"],
        ["replay", "x", "--time-scale"],
        ["watch", "--every"],
        ["telemetry", "export", "--days"],
    ],
    ids=lambda words: " ".join(words),
)
def test_no_option_takes_a_number_that_is_not_finite(
    words: list[str], number: str
) -> None:
    result = CliRunner().invoke(tiered_router, [*words, number])
    assert result.exit_code == 2
    assert "not" in result.stderr
    assert number in result.stderr
