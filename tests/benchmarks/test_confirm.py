"""What judging an action costs: below 1 ms, since it stands before each of them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from openhands.sdk.event import ActionEvent
from openhands.sdk.llm import MessageToolCall
from openhands.tools.file_editor.definition import FileEditorAction
from openhands.tools.terminal.definition import TerminalAction

from openhands_tiered_router.guards.confirm.analyzer import KnownSafeSecurityAnalyzer
from openhands_tiered_router.guards.confirm.settings import ConfirmSettings


EDIT = FileEditorAction(
    command="create", path="/ws/src/a.py", file_text="x = 1\n" * 1_000
)
ACTIONS = {
    "ls": TerminalAction(command="ls -la"),
    "pipeline": TerminalAction(
        command='cd src && grep -rn "def foo" --include="*.py" . | sort | head -20'
    ),
    "unknown": TerminalAction(command="python -m pytest -q tests/test_a.py"),
    "script": TerminalAction(
        command="\n".join(f"echo {n} && cat src/{n}.py | head -5" for n in range(20))
    ),
    "edit": EDIT,
}


@pytest.mark.parametrize("name", ACTIONS)
def test_judging(benchmark: Any, name: str) -> None:
    action = ACTIONS[name]
    tool = "file_editor" if action is EDIT else "terminal"
    arguments = json.dumps(action.model_dump(exclude={"kind"}, mode="json"))
    event = ActionEvent(
        thought=[],
        action=action,
        tool_name=tool,
        tool_call_id="1",
        tool_call=MessageToolCall(
            id="1", name=tool, arguments=arguments, origin="completion"
        ),
        llm_response_id="1",
    )
    analyzer = KnownSafeSecurityAnalyzer(
        workspace="/ws", settings=ConfirmSettings(enabled=True)
    )
    benchmark(analyzer.security_risk, event)
