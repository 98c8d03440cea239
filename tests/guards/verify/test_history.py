"""What an agent's events say of how it checked its work."""

from __future__ import annotations

import json

import pytest
from openhands.sdk.event import ActionEvent, Event, ObservationEvent
from openhands.sdk.llm import MessageToolCall
from openhands.tools.terminal import TerminalObservation

from openhands_tiered_router.guards.verify.git import Changed
from openhands_tiered_router.guards.verify.history import (
    Reproduction,
    deeds,
    own_checks,
)


CHANGED = [Changed("shop/price.py", "M"), Changed("tests/test_new.py", "A")]
EDIT = "sed -i 's/1/2/' shop/price.py"
TRY = "python try.py"
TESTS = "python -m pytest -q | tail -3"


def ran(command: str, code: int = 0, text: str = "") -> list[Event]:
    name = f"call{id(command)}{code}"
    call = MessageToolCall(
        id=name,
        name="terminal",
        arguments=json.dumps({"command": command, "security_risk": "LOW"}),
        origin="completion",
    )
    asked = ActionEvent(
        thought=[],
        tool_name="terminal",
        tool_call_id=name,
        tool_call=call,
        llm_response_id="r",
    )
    observation = TerminalObservation.from_text(text, command=command, exit_code=code)
    return [
        asked,
        ObservationEvent(
            tool_name="terminal",
            tool_call_id=name,
            observation=observation,
            action_id=asked.id,
        ),
    ]


NO, YES = False, True


@pytest.mark.parametrize(
    ("steps", "checked", "reproduction"),
    [
        ([ran(EDIT)], NO, Reproduction.NONE),
        ([ran(TRY), ran(EDIT)], NO, Reproduction.NONE),
        ([ran(EDIT), ran(TRY)], YES, Reproduction.NONE),
        ([ran(EDIT), ran(TRY, 1)], NO, Reproduction.NONE),
        ([ran(TRY, 1), ran(EDIT), ran(TRY)], YES, Reproduction.PASSES),
        ([ran(TRY, 1), ran(EDIT), ran(TRY, 1)], NO, Reproduction.FAILS),
        ([ran(TRY, 1), ran(EDIT), ran(TRY), ran(EDIT)], NO, Reproduction.STALE),
        ([ran(TRY, 1), ran(EDIT), ran("python x.py")], YES, Reproduction.STALE),
        # A failed search is no reproduction, nor is a command that never fails.
        ([ran("grep -rn x .", 1), ran(EDIT), ran(TRY)], YES, Reproduction.NONE),
        # The pipe hides the exit code of the tests.
        (
            [ran(TESTS, 0, "1 failed"), ran(EDIT), ran(TESTS, 0, "1 passed")],
            YES,
            Reproduction.PASSES,
        ),
        ([ran(EDIT), ran(TESTS, 0, "1 failed, 3 passed")], NO, Reproduction.NONE),
        # Edits of what is not part of the change leave nothing to check.
        ([ran(EDIT), ran(TRY), ran("sed -i s/a/b/ try.py")], YES, Reproduction.NONE),
        ([ran(EDIT), ran("cat a > tests/test_new.py")], NO, Reproduction.NONE),
        # An edit that cannot be seen: then it is not known what came after it.
        ([ran("./patch.sh"), ran(TRY)], NO, Reproduction.NONE),
    ],
)
def test_own_checks(
    steps: list[list[Event]], checked: bool, reproduction: Reproduction
) -> None:
    own = own_checks(deeds([e for step in steps for e in step]), CHANGED)
    assert (own.checked, own.reproduction) == (checked, reproduction)
